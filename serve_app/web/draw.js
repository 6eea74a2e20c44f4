/** Draw a digit, and see it read while you draw. */

import { digit } from "./api.js";
import { bars } from "./bars.js";
import { health } from "./health.js";
import { keyChanges } from "./key.js";
import { newest } from "./newest.js";
import { Paper } from "./paper.js";
import { fromBase64 } from "./pictures.js";
import { byId, percent } from "./text.js";

const WAIT = 50;

export function startDrawing() {
  const showBars = bars(byId("bars"));
  const paper = new Paper(byId("paper"));

  async function read() {
    if (paper.isBlank) return clear();
    const { generation } = paper;
    try {
      const answer = await digit(await paper.picture());
      const seen = await createImageBitmap(fromBase64(answer.input));
      // The paper may have been cleared during any of these waits.
      if (generation === paper.generation) show(answer, seen, showBars);
    } catch (error) {
      if (generation === paper.generation) words(error.message, "error");
    }
  }

  function clear() {
    showBars();
    byId("answer").textContent = "–";
    byId("seen").getContext("2d").clearRect(0, 0, 28, 28);
    byId("reading").toggleAttribute("data-empty", true);
    words("Nothing drawn yet.");
  }

  const readSoon = newest(read, WAIT);
  paper.addEventListener("change", () => {
    byId("paper-hint").hidden = !paper.isBlank;
    if (paper.isBlank) clear();
    else readSoon();
  });
  byId("paper-clear").addEventListener("click", () => paper.clear());
  byId("paper-undo").addEventListener("click", () => paper.undo());
  for (const source of [health, keyChanges]) source.addEventListener(source === health ? "back" : "change", readSoon);
  clear();
}

function show(answer, seen, showBars) {
  const none = answer.label === "none";
  byId("reading").removeAttribute("data-empty");
  byId("answer").textContent = none ? "∅" : answer.label;
  words(`${none ? "No digit" : `Read as ${answer.label}`}, ${percent(answer.confidence)} sure`);
  showBars(answer.probabilities);
  byId("seen").getContext("2d").drawImage(seen, 0, 0);
}

function words(text, kind = "info") {
  byId("answer-words").textContent = text;
  byId("answer-words").dataset.kind = kind;
}
