/** Images, folders and PDFs -> a table of what was read. */

import { readFiles } from "./reading.js";
import { download, toCsv } from "./csv.js";
import { dropZone } from "./drop.js";
import { fileRow } from "./filerow.js";
import { onTemplates } from "./templates.js";
import { byId, count, make } from "./text.js";

const state = { rows: [], done: 0, failed: 0, total: 0, stop: null };

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
  const group = make("optgroup", { label: "a form, by the template" });
  const options = ["", ...names].map((name) => ({ value: `form:${name}`, textContent: name || "whichever fits" }));
  group.append(...options.map((option) => make("option", option)));
  const list = byId("files-as");
  const chosen = list.value;
  list.querySelector("optgroup")?.remove();
  if (names.length) list.append(group);
  if ([...list.options].some(({ value }) => value === chosen)) list.value = chosen;
}

async function take(files) {
  clear();
  const stop = new AbortController();
  Object.assign(state, { total: files.length, stop });
  byId("files-results").hidden = false;
  byId("files-stop").hidden = false;
  showProgress();
  await readFiles(files, byId("files-as").value, stop.signal, addFile);
  if (stop !== state.stop) return;
  byId("files-stop").hidden = true;
  showProgress();
}

function clear() {
  state.stop?.abort();
  Object.assign(state, { rows: [], done: 0, failed: 0, total: 0, stop: null });
  byId("files-rows").replaceChildren();
  byId("files-results").hidden = true;
}

function addFile(one, rows, extra) {
  state.rows.push(...rows);
  state.done += 1;
  state.failed += rows.some((row) => row.status === "error" && row.item === undefined);
  byId("files-rows").append(fileRow(one, rows, extra));
  showProgress();
}

function showProgress() {
  byId("files-status").textContent = state.total ? progress() : "There is nothing to read.";
  Object.assign(byId("files-progress"), { max: state.total || 1, value: state.done });
}

function progress() {
  const { done, total, failed, stop } = state;
  const stopped = stop.signal.aborted ? "Stopped: " : "";
  const errors = failed ? `, ${failed} could not be read` : "";
  return `${stopped}${done < total ? `${done} of ` : ""}${count(total, "file")} read${errors}`;
}
