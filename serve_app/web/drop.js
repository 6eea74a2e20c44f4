/** Files that were dropped, chosen or pasted; folders with everything in them. */

const KNOWN = /\.(png|jpe?g|tiff?|bmp|webp|gif|avif|heic|pdf)$/i;

/** Gives `take` a list of {file, name} whenever files come into the zone or its inputs. */
export function dropZone(zone, inputs, take) {
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.toggleAttribute("data-over", true);
  });
  for (const end of ["dragleave", "drop"]) zone.addEventListener(end, () => zone.removeAttribute("data-over"));
  zone.addEventListener("drop", async (event) => {
    event.preventDefault();
    take(await gathered(event.dataTransfer));
  });
  for (const input of inputs) input.addEventListener("change", () => taken(input, take));
}

/** A file dropped beside the zone would else replace the page. */
export function keepPage() {
  for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());
}

export const isReadable = ({ file }) => file.type.startsWith("image/") || KNOWN.test(file.name);

export const isPdf = ({ file }) => file.type === "application/pdf" || /\.pdf$/i.test(file.name);

function taken(input, take) {
  const files = [...input.files].map((file) => ({ file, name: file.webkitRelativePath || file.name }));
  input.value = "";
  take(shown(files));
}

async function gathered(transfer) {
  // The items are gone after the first await, so all entries are taken at once.
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  return shown((await Promise.all(entries.map(opened))).flat());
}

async function opened(entry) {
  if (entry instanceof File) return [{ file: entry, name: entry.name }];
  if (entry.isDirectory) return (await Promise.all((await listed(entry)).map(opened))).flat();
  const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
  return [{ file, name: entry.fullPath.slice(1) }];
}

async function listed(folder) {
  const reader = folder.createReader();
  const all = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return all;
    all.push(...some);
  }
}

/** Hidden files (.DS_Store and the like) are not what anybody meant to read. */
function shown(files) {
  const seen = files.filter(({ name }) => !name.split("/").some((part) => part.startsWith(".")));
  return seen.sort((one, other) => one.name.localeCompare(other.name, "en", { numeric: true }));
}
