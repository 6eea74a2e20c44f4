/** A row of the table of files: the picture, the name, what was read and how surely. */

import { numberBoxes, showBoxes } from "./boxes.js";
import { fromBase64, paint } from "./pictures.js";
import { make, percent } from "./text.js";

const THUMBNAIL = 240;

export function fileRow(one, rows, extra) {
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
  const whole = await paint(canvas, blob, THUMBNAIL);
  if (!whole) return;
  frame.replaceChildren(canvas, layer);
  showBoxes(layer, numberBoxes(strings), whole);
}

function seenCanvas(seen) {
  const canvas = make("canvas", { className: "pixels", width: 28, height: 28, title: "What the model sees" });
  paint(canvas, fromBase64(seen));
  return canvas;
}
