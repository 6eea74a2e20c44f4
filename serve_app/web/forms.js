/** A filled-in form: its pages with every field boxed in the colour of its status, and the values beside them. */

import { form, withRetries } from "./api.js";
import { showBoxes } from "./boxes.js";
import { download, toCsv } from "./csv.js";
import { dropZone } from "./drop.js";
import { fromBase64, paint } from "./pictures.js";
import { ofForm } from "./reading.js";
import { onTemplates } from "./templates.js";
import { byId, count, make, percent, say } from "./text.js";

const STATES = { ok: "read", review: "needs review", error: "not read" };

let shown = { name: "", pages: [] };
let stop = new AbortController();

export function startForms() {
  dropZone(byId("forms-drop"), [byId("forms-input")], ([first]) => first && read(first));
  byId("forms-csv").addEventListener("click", () => download("form.csv", toCsv(csvRows())));
  byId("forms-doubt").addEventListener("change", ({ target }) =>
    byId("forms-pages").toggleAttribute("data-doubt", target.checked),
  );
  onTemplates(listTemplates);
}

function csvRows() {
  return ofForm(shown.pages).rows.map((row) => ({ source: shown.name, ...row }));
}

function listTemplates(names) {
  const options = names.map((name) => make("option", { value: name, textContent: name }));
  if (names.length) options.unshift(make("option", { value: "", textContent: "whichever fits" }));
  const list = byId("forms-template");
  const chosen = list.value;
  list.replaceChildren(...options);
  if (names.includes(chosen)) list.value = chosen;
  list.disabled = !names.length;
  const words = "This server has no templates yet. To add one, see “PUT /v1/templates” in the API reference.";
  say(byId("forms-notice"), names.length ? "" : words);
}

async function read({ file, name }) {
  const list = byId("forms-template");
  if (list.disabled) return;
  stop.abort();
  stop = new AbortController();
  const { signal } = stop;
  byId("forms-results").hidden = true;
  say(byId("forms-notice"), `Reading ${name} …`);
  try {
    const pages = await withRetries(() => form(file, list.value, signal), signal);
    if (!signal.aborted) await show(name, pages);
  } catch (error) {
    if (!signal.aborted) say(byId("forms-notice"), error.message, "error");
  }
}

async function show(name, pages) {
  shown = { name, pages };
  say(byId("forms-notice"), "");
  byId("forms-pages").replaceChildren(...(await Promise.all(pages.map(pageElement))));
  byId("forms-results").hidden = false;
  byId("forms-status").textContent = summary(name, pages);
  byId("forms-results").scrollIntoView({ block: "start" });
}

function summary(name, pages) {
  const states = pages.flatMap(({ fields = [] }) => fields.map(({ status }) => status));
  const doubtful = states.filter((state) => state !== "ok").length;
  const review = doubtful ? `${doubtful} to review` : "none to review";
  return `${name}: ${count(pages.length, "page")}, ${count(states.length, "field")}, ${review}`;
}

async function pageElement(page) {
  const { fields = [], picture, reason, error } = page;
  const canvas = make("canvas", { width: 1, height: 1, role: "img", ariaLabel: `Page ${page.page}, straightened` });
  const layer = make("div", { className: "overlay" });
  const sheet = make("div", { className: "sheet", hidden: !picture }, canvas, layer);
  if (picture) await paint(canvas, fromBase64(picture));
  const words = reason ?? error?.message;
  const side = make("div", { className: "page-side" }, make("h2", { textContent: pageTitle(page) }));
  if (words) side.append(make("p", { className: "notice", textContent: words, data: { kind: "error" } }));
  if (fields.length) side.append(tied(layer, page));
  return make("article", { className: "page" }, sheet, side);
}

function pageTitle({ page, template }) {
  return template ? `Page ${page}: ${template}` : `Page ${page}`;
}

/** The table of a page's fields, linked to their boxes: each highlights the other. */
function tied(layer, { fields, width_mm, height_mm }) {
  const rows = fields.map(fieldRow);
  const boxes = fields.map(({ box, field, status }) => ({ box, status, label: field }));
  const elements = showBoxes(layer, boxes, [width_mm, height_mm], "button");
  elements.forEach((element, at) => tie(element, rows[at], fields[at]));
  const head = make("tr", {}, ...["Field", "Value", "Confidence"].map((name) => make("th", { scope: "col", textContent: name })));
  return make("table", { className: "rows" }, make("thead", {}, head), make("tbody", {}, ...rows));
}

function tie(element, row, { field, value, status }) {
  element.type = "button";
  element.ariaLabel = `${field}: ${value || "nothing"}, ${STATES[status]}`;
  element.title = `${field}: ${value || "–"}`;
  const lit = (on) => () => [element, row].forEach((one) => one.toggleAttribute("data-lit", on));
  for (const one of [element, row]) {
    for (const kind of ["pointerenter", "focus"]) one.addEventListener(kind, lit(true));
    for (const kind of ["pointerleave", "blur"]) one.addEventListener(kind, lit(false));
  }
  element.addEventListener("click", () => row.focus());
  row.addEventListener("click", () => element.scrollIntoView({ block: "nearest" }));
}

function fieldRow({ field, value, confidence, status, reason, alternatives = [] }) {
  const read = make("td", { className: "row-read" }, make("strong", { textContent: value || "–" }));
  if (reason) read.append(make("p", { className: "reason", textContent: reason }));
  const others = alternatives.map((one) => one.value ?? one).filter((one) => one !== value);
  if (status !== "ok" && others.length) read.append(make("p", { className: "small", textContent: `or ${others.join(", ")}` }));
  const state = make("span", { className: "state", textContent: STATES[status], data: { status } });
  const sure = make("td", { className: "row-sure" }, percent(confidence ?? 0), state);
  return make("tr", { tabIndex: 0, data: { status } }, make("th", { scope: "row", textContent: field }), read, sure);
}
