/** Boxes over a picture. Places are shares of the picture, so they hold at every size. */

import { make } from "./text.js";

/** Each of `boxes` is {box: [left, top, width, height], label, status}; `whole` is the picture's [width, height]. */
export function showBoxes(layer, boxes, whole, tag = "span") {
  while (layer.children.length > boxes.length) layer.lastChild.remove();
  while (layer.children.length < boxes.length) layer.append(make(tag, { className: "box" }));
  const elements = [...layer.children];
  boxes.forEach(({ box, label, status }, at) => {
    Object.assign(elements[at].dataset, { label, status });
    lay(elements[at], box, whole);
  });
  return elements;
}

function lay(element, [left, top, width, height], [wide, high]) {
  const places = { left: left / wide, top: top / high, width: width / wide, height: height / high };
  for (const [side, share] of Object.entries(places)) element.style.setProperty(side, `${share * 100}%`);
}

/** The numbers found in a picture: a box around the digits of each, with what it says. */
export function numberBoxes(strings) {
  return strings.map(({ box, value, digits }) => ({ box: around(digits) ?? box, label: value, status: "ok" }));
}

function around(digits = []) {
  if (!digits.length) return null;
  const edges = digits.map(({ box: [left, top, width, height] }) => [left, top, left + width, top + height]);
  const [left, top] = [0, 1].map((side) => Math.min(...edges.map((edge) => edge[side])));
  const [right, bottom] = [2, 3].map((side) => Math.max(...edges.map((edge) => edge[side])));
  return [left, top, right - left, bottom - top];
}
