/** Whether the server is up: polled now and then, often while it is down, and shown in a banner. */

const WORDS = {
  up: "",
  starting: "The server is starting: its model is not loaded yet. This page continues by itself.",
  down: "The server does not answer. This page retries by itself.",
};
const PAUSE = { up: 10_000, starting: 1_500, down: 1_500 };

const banner = document.getElementById("banner");
let state = "up";
let timer = 0;

/** Dispatches the event `back` when the server is up again. */
export const health = new EventTarget();

export function noteAnswer() {
  if (state === "down") look();
}

export function noteNoAnswer() {
  become("down");
  wait();
}

export function watch() {
  look();
  document.addEventListener("visibilitychange", () => document.hidden || look());
  addEventListener("online", look);
}

async function look() {
  become(await stateNow());
  wait();
}

function wait() {
  clearTimeout(timer);
  timer = setTimeout(() => (document.hidden ? wait() : look()), PAUSE[state]);
}

async function stateNow() {
  try {
    const address = new URL("readyz", document.baseURI);
    const { status } = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(5_000) });
    return status < 500 ? "up" : status === 503 ? "starting" : "down";
  } catch {
    return "down";
  }
}

function become(next) {
  if (next === state) return;
  const back = next === "up";
  state = next;
  banner.textContent = WORDS[state];
  banner.hidden = back;
  if (back) health.dispatchEvent(new Event("back"));
}
