/** Eleven bars: the ten digits and none. */

import { make, percent } from "./text.js";

const LABELS = [..."0123456789", "none"];

/** Gives a function that shows probabilities by label, or with nothing clears the bars. */
export function bars(list) {
  const rows = new Map(LABELS.map((label) => [label, row(label)]));
  list.append(...[...rows.values()].map(({ item }) => item));
  return (probabilities = {}) => {
    const best = Math.max(0, ...Object.values(probabilities));
    for (const [label, { item, bar, number }] of rows) {
      const share = probabilities[label] ?? 0;
      bar.style.setProperty("--share", share.toFixed(2));
      number.textContent = label in probabilities ? percent(share) : "";
      item.toggleAttribute("data-best", share > 0 && share === best);
    }
  };
}

function row(label) {
  const bar = make("span", { className: "bar", ariaHidden: "true" });
  const number = make("span", { className: "bar-number" });
  const name = make("span", { className: "bar-name", textContent: label });
  if (label === "none") name.title = "no digit: blank, a letter, a crossed-out cell";
  return { item: make("li", {}, name, bar, number), bar, number };
}
