/* Dark, light, or as the system has it. Loaded before the page is drawn, so that it never flashes. */
(() => {
  const NAMES = ["system", "light", "dark"];
  const root = document.documentElement;
  const stored = localStorage.getItem("inkray.theme");
  let current = NAMES.includes(stored) ? stored : "system";

  function show() {
    root.dataset.theme = current;
    const name = document.getElementById("theme-name");
    if (name) name.textContent = current;
  }

  function next() {
    current = NAMES[(NAMES.indexOf(current) + 1) % NAMES.length];
    localStorage.setItem("inkray.theme", current);
    show();
  }

  show();
  document.addEventListener("DOMContentLoaded", () => {
    show();
    document.getElementById("theme").addEventListener("click", next);
  });
})();
