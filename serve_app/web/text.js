/** Helpers for elements and text. */

/** An element with properties, data and children; text only ever goes in as text. */
export function make(tag, { data = {}, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  Object.assign(element.dataset, data);
  element.append(...children);
  return element;
}

export const byId = (id) => document.getElementById(id);

/** 0.9987 is 99.9 %, and never 100 % unless it is that. */
export function percent(share) {
  const tenths = share < 1 ? Math.min(Math.floor(share * 1000), 999) : 1000;
  return `${(tenths / 10).toFixed(1)} %`;
}

export const count = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;

/** Shows a message in an element made for it, or hides the element. */
export function say(place, words, kind = "info") {
  place.textContent = words;
  place.dataset.kind = kind;
  place.hidden = !words;
}
