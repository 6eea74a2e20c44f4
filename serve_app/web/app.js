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
health.addEventListener("back", greet);
keyChanges.addEventListener("change", greet);
watch();
greet();

/** What the server has: its model in the footer, its templates in the lists. */
async function greet() {
  try {
    const { models: all } = await models();
    const { name, version, engine } = all.find((one) => one.default) ?? all[0];
    byId("model").textContent = `Read by ${name}:${version} on ${engine}`;
    await loadTemplates();
  } catch (error) {
    say(byId("forms-notice"), error.message, "error");
  }
}
