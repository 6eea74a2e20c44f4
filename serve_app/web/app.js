/** Starts the page. */

import { models } from "./api.js";
import { startCamera } from "./camera.js";
import { startCode } from "./code.js";
import { startDrawing } from "./draw.js";
import { keepPage } from "./drop.js";
import { startFiles } from "./files.js";
import { startForms } from "./forms.js";
import { health, watch } from "./health.js";
import { keyChanges } from "./key.js";
import { loadTemplates } from "./templates.js";
import { byId, say } from "./text.js";
import { startViews } from "./views.js";

for (const start of [startDrawing, startFiles, startCamera, startForms, startCode, startViews, keepPage]) start();
health.addEventListener("back", showServer);
keyChanges.addEventListener("change", showServer);
watch();
showServer();

/** Shows the model in the footer and the templates in the lists. */
async function showServer() {
  try {
    const { models: all } = await models();
    const { name, version, engine } = all.find((one) => one.default) ?? all[0];
    byId("model").textContent = `Read by ${name}:${version} on ${engine}`;
    await loadTemplates();
  } catch (error) {
    say(byId("forms-notice"), error.message, "error");
  }
}
