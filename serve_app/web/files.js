/** Images, folders and PDFs -> a table of what was read. */

import { readFiles } from "./reading.js";
import { numberBoxes, showBoxes } from "./boxes.js";
import { download, toCsv } from "./csv.js";
import { dropZone } from "./drop.js";
import { fromBase64, paint } from "./pictures.js";
import { onTemplates } from "./templates.js";
import { byId, count, make, percent } from "./text.js";

const THUMBNAIL = 240;

const state = { rows: [], done: 0, failed: 0, total: 0, stop: null, asked: 0 };

export function startFiles() {
  dropZone(byId("files-drop"), [byId("files-input"), byId("folder-input")], take);
  byId("files-csv").addEventListener("click", () => download("inkray.csv", toCsv(state.rows)));
  byId("files-stop").addEventListener("click", () => state.stop?.abort());
  byId("files-clear").addEventListener("click", clear);
  addEventListener("paste", paste);
  onTemplates(listTemplates);
}

function paste(event) {
  const files = [...(event.clipboardData?.files ?? [])].map((file) => ({ file, name: file.name }));
  if (!files.length || byId("files-drop").closest("[hidden]")) return;
  event.preventDefault();
  take(files);
}

function listTemplates(names) {
  const group = make("optgroup", { label: "a form of the template" });
  group.append(...names.map((name) => make("option", { value: `form:${name}`, textContent: name })));
  byId("files-as").querySelector("optgroup")?.remove();
  if (names.length) byId("files-as").append(group);
}

async function take(files) {
  state.stop?.abort();
  clear();
  const stop = (state.stop = new AbortController());
  Object.assign(state, { total: files.length });
  byId("files-results").hidden = false;
  byId("files-stop").hidden = false;
  tell("Nothing to read in there.");
  await readFiles(files, byId("files-as").value, stop.signal, told);
  if (stop !== state.stop) return;
  byId("files-stop").hidden = true;
  tell(stop.signal.aborted ? "Stopped: " : "");
}

function clear() {
  state.stop?.abort();
  Object.assign(state, { rows: [], done: 0, failed: 0, total: 0, stop: null });
  byId("files-rows").replaceChildren();
  byId("files-results").hidden = true;
}

function told(one, rows, extra) {
  state.rows.push(...rows);
  state.done += 1;
  state.failed += rows.some((row) => row.status === "error" && row.item === undefined);
  byId("files-rows").append(tableRow(one, rows, extra));
  tell();
}

function tell(before = "") {
  const { done, total, failed } = state;
  const errors = failed ? `, ${failed} could not be read` : "";
  const words = done < total ? `${done} of ${count(total, "file")} read` : `${count(total, "file")} read`;
  byId("files-status").textContent = total ? `${before.startsWith("Stopped") ? before : ""}${words}${errors}` : before;
  Object.assign(byId("files-progress"), { max: total || 1, value: done });
}

function tableRow(one, rows, extra) {
  const name = make("td", { className: "row-name" }, make("span", { textContent: one.name, title: one.name }));
  const read = make("td", { className: "row-read" }, ...rows.map(readLine));
  const sure = make("td", { className: "row-sure" }, ...rows.map(sureLine));
  const failed = rows.every((row) => row.status === "error");
  return make("tr", { data: { status: failed ? "error" : "ok" } }, pictureCell(one, extra), name, read, sure);
}

function readLine({ item, value, reason, page, status }) {
  const line = make("p", { data: { status } });
  if (typeof item === "string") line.append(make("span", { className: "small", textContent: `${item} ` }));
  else if (page) line.append(make("span", { className: "small", textContent: `page ${page} ` }));
  if (value) line.append(make("strong", { textContent: value }));
  if (reason) line.append(make("span", { className: "reason", textContent: value ? ` ${reason}` : reason }));
  return line;
}

function sureLine({ confidence }) {
  return make("p", { textContent: confidence === undefined ? " " : percent(confidence) });
}

function pictureCell(one, { strings = [], seen, pages }) {
  const canvas = make("canvas", { width: 1, height: 1 });
  const layer = make("div", { className: "overlay" });
  const frame = make("div", { className: "thumb", data: { kind: one.file.name.split(".").at(-1).slice(0, 4) } });
  const picture = pages?.[0]?.picture;
  show(frame, canvas, layer, picture ? fromBase64(picture) : one.file, strings);
  const cell = make("td", { className: "row-picture" }, frame);
  if (seen) cell.append(seenCanvas(seen));
  return cell;
}

async function show(frame, canvas, layer, blob, strings) {
  const bitmap = await createImageBitmap(blob).catch(() => null);
  if (!bitmap) return;
  const whole = [bitmap.width, bitmap.height];
  bitmap.close();
  await paint(canvas, blob, THUMBNAIL);
  frame.replaceChildren(canvas, layer);
  showBoxes(layer, numberBoxes(strings), whole);
}

function seenCanvas(seen) {
  const canvas = make("canvas", { className: "pixels", width: 28, height: 28, title: "What the model sees" });
  paint(canvas, fromBase64(seen));
  return canvas;
}
