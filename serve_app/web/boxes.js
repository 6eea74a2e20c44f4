/** Boxes over a picture. Places are shares of the picture, so they hold at every size. */

import { make } from "./text.js";

/** Each of `boxes` is {box: [left, top, width, height], label, status}; `whole` is the picture's [width, height]. */
export function showBoxes(layer, boxes, whole, tag = "span") {
  const elements = boxes.map(({ label, status }) => make(tag, { className: "box", data: { status, label } }));
  elements.forEach((element, at) => lay(element, boxes[at].box, whole));
  layer.replaceChildren(...elements);
  return elements;
}

function lay(element, [left, top, width, height], [wide, high]) {
  const places = { left: left / wide, top: top / high, width: width / wide, height: height / high };
  for (const [side, share] of Object.entries(places)) element.style.setProperty(side, `${share * 100}%`);
}

/** The numbers found in a picture: one box around each, with what it says. */
export function numberBoxes(strings) {
  return strings.map(({ box, value }) => ({ box, label: value, status: "ok" }));
}
