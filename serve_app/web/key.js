/** The API key that a server may need: asked for once, kept while the tab is open. */

const STORAGE_KEY = "inkray.key";
const dialog = document.getElementById("key-dialog");
const input = document.getElementById("key-input");
const words = document.getElementById("key-words");
const opener = document.getElementById("key-open");
const forgetter = document.getElementById("key-forget");

let asking = null;
let declined = false;

export const keyChanges = new EventTarget();

export const currentKey = () => sessionStorage.getItem(STORAGE_KEY) ?? "";

/** Resolves to whether there is a key other than the refused one; asks the person, unless they declined before. */
export async function askForKey(refused) {
  opener.hidden = false;
  if (currentKey() !== refused) return true;
  if (declined) return false;
  asking ??= ask(refused).finally(() => (asking = null));
  return asking;
}

function ask(refused) {
  words.textContent = refused
    ? "The server does not accept this key. Check for a missing or an extra character."
    : "The operator of the server can give you one. It is kept until you close this tab.";
  input.value = refused;
  forgetter.hidden = !refused;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(closed()), { once: true });
  });
}

function closed() {
  declined = dialog.returnValue !== "entered";
  if (declined) return false;
  sessionStorage.setItem(STORAGE_KEY, input.value.trim());
  keyChanges.dispatchEvent(new Event("change"));
  return true;
}

function forget() {
  sessionStorage.removeItem(STORAGE_KEY);
  input.value = "";
  input.focus();
}

document.getElementById("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  dialog.close("entered");
});
document.getElementById("key-cancel").addEventListener("click", () => dialog.close(""));
forgetter.addEventListener("click", forget);
opener.addEventListener("click", () => {
  asking ??= ask(currentKey()).finally(() => (asking = null));
});
if (currentKey()) opener.hidden = false;
