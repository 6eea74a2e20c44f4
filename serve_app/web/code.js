/** Examples to copy, with this server's own address in them. */

import { address } from "./api.js";
import { byId, make } from "./text.js";

const EXAMPLES = [
  ["curl", `# one digit
curl --data-binary @seven.png -H 'Content-Type: image/png' {base}v1/digits

# many files in one request; numbers anywhere in a photo; a filled-in form
curl -F files=@a.png -F files=@b.png {base}v1/digits
curl --data-binary @photo.jpg -H 'Content-Type: image/jpeg' {base}v1/strings
curl --data-binary @scan.pdf -H 'Content-Type: application/pdf' '{base}v1/forms?template=NAME'

# if the server needs a key
curl -H "Authorization: Bearer $INKRAY_KEY" --data-binary @seven.png -H 'Content-Type: image/png' {base}v1/digits`],
  ["Python", `from inkray import InkClient   # or copy serve_app/client.py, one file that needs only httpx

with InkClient("{base}", key=None) as ink:
    for item in ink.digits("seven.png", "eight.png"):
        print(item["label"], item["confidence"])
    for photo in ink.strings("photo.jpg"):
        print([found["value"] for found in photo["strings"]])
    for page in ink.forms("scan.pdf", template="NAME"):
        print({field["field"]: field["value"] for field in page["fields"]})`],
  ["JavaScript", `const response = await fetch("{base}v1/digits", {
  method: "POST",
  headers: { "Content-Type": "image/png" },   // and Authorization: \`Bearer \${key}\` if the server needs a key
  body: file,                                 // a Blob, as from <input type="file">
});
const answer = await response.json();
if (!response.ok) throw new Error(answer.error.message);
console.log(answer.items[0].label, answer.items[0].confidence);`],
  ["Live video", `// binary JPEG frames in, JSON out; with a key: new WebSocket(address, ["inkray.key." + key])
const socket = new WebSocket("{socket}v1/live");
socket.onopen = () => canvas.toBlob((frame) => socket.send(frame), "image/jpeg");
socket.onmessage = ({ data }) => {
  for (const { value, box } of JSON.parse(data).strings) console.log(value, box);
};`],
];

export function startCode() {
  const base = address(".").href;
  const socket = base.replace(/^http/, "ws");
  const cards = EXAMPLES.map(([name, text]) => card(name, text.replaceAll("{base}", base).replaceAll("{socket}", socket)));
  byId("examples").append(...cards);
}

function card(name, text) {
  const copy = make("button", { type: "button", className: "quiet", textContent: "Copy", ariaLabel: `Copy the ${name} example` });
  copy.addEventListener("click", () => copied(copy, text));
  const code = make("pre", { tabIndex: 0, ariaLabel: `${name} example` }, make("code", { textContent: text }));
  return make("article", { className: "example" }, make("header", {}, make("h2", { textContent: name }), copy), code);
}

async function copied(button, text) {
  const done = await navigator.clipboard?.writeText(text).then(() => true, () => false);
  button.textContent = done ? "Copied" : "Select and copy it by hand";
  setTimeout(() => (button.textContent = "Copy"), 2_000);
}
