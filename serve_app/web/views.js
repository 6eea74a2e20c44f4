/** The ways to read, one shown at a time; the address says which. */

const sections = [...document.querySelectorAll("[data-view]")];
const links = [...document.querySelectorAll(".views a")];
const listeners = [];

export function onView(listener) {
  listeners.push(listener);
}

export function startViews() {
  addEventListener("hashchange", () => {
    // The link that skips the head of the page changes no view.
    if (location.hash === "#main") return;
    show();
    scrollTo(0, 0);
  });
  show();
}

function show() {
  const asked = location.hash.slice(1);
  const name = sections.some(({ dataset }) => dataset.view === asked) ? asked : "draw";
  for (const section of sections) section.hidden = section.dataset.view !== name;
  for (const link of links) link.ariaCurrent = link.hash === `#${name}` ? "page" : null;
  const title = document.querySelector(`[data-view="${name}"] h1`).textContent;
  document.title = `${title} · inkray`;
  for (const listener of listeners) listener(name);
}
