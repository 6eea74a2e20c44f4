/** Files -> rows {source, page, item, value, confidence, status, reason_code, reason}, read as the person chose. */

import { digits, form, withRetries, strings } from "./api.js";
import { isPdf, isReadable } from "./drop.js";

const DIGITS_AT_ONCE = 32;
const BYTES_AT_ONCE = 8_000_000;

/** Reads all `files` and calls `onFile(file, rows, extra)` for each, a bad one with a row that gives the reason. */
export async function readFiles(files, as, signal, onFile) {
  for (const part of parts(files, as)) {
    if (signal.aborted) return;
    const answers = await readPart(part, as, signal);
    if (signal.aborted) return;
    part.forEach((one, at) => onFile(one, answers[at].rows.map((row) => ({ source: one.name, ...row })), answers[at]));
  }
}

function parts(files, as) {
  const all = [[]];
  let bytes = 0;
  for (const one of files) {
    const full = as !== "digits" || all.at(-1).length >= DIGITS_AT_ONCE || bytes + one.file.size > BYTES_AT_ONCE;
    if (full && all.at(-1).length) {
      all.push([]);
      bytes = 0;
    }
    all.at(-1).push(one);
    bytes += one.file.size;
  }
  return all;
}

async function readPart(part, as, signal) {
  const sent = part.filter((one) => !refusal(one, as));
  const answers = sent.length ? await answered(sent, as, signal) : [];
  return part.map((one) => (sent.includes(one) ? answers[sent.indexOf(one)] : failed(refusal(one, as))));
}

/** Why a file is not even sent. */
function refusal(one, as) {
  if (!isReadable(one)) return "Not sent: by its name this is neither an image nor a PDF.";
  if (isPdf(one) && !as.startsWith("form:")) return "A PDF is read as a form: choose its template under “Read as”.";
  return "";
}

async function answered(sent, as, signal) {
  try {
    return await withRetries(() => ask(sent, as, signal), signal);
  } catch (error) {
    return sent.map(() => failed(error.message));
  }
}

async function ask(sent, as, signal) {
  if (as === "digits") return (await digits(sent.map(({ file }) => file), signal)).map(ofDigit);
  if (as === "strings") return [ofStrings(await strings(sent[0].file, signal))];
  return [ofForm(await form(sent[0].file, as.slice("form:".length), signal))];
}

const failed = (reason) => ({ rows: [{ status: "error", reason }] });

function ofDigit({ label, confidence, input: seen, error }) {
  return error ? failed(error.message) : { rows: [{ value: label, confidence, status: "ok" }], seen };
}

function ofStrings(item) {
  if (item.error) return failed(item.error.message);
  const rows = item.strings.map(({ value, confidence }, at) => ({ item: at + 1, value, confidence, status: "ok" }));
  const none = { status: "ok", reason: "No numbers found." };
  return { rows: rows.length ? rows : [none], strings: item.strings };
}

export function ofForm(pages) {
  return { rows: pages.flatMap(pageRows), pages };
}

function pageRows({ page, status, reason_code, reason, fields = [], error }) {
  if (!fields.length) return [{ page, status: status ?? "error", reason_code, reason: reason ?? error?.message ?? "" }];
  return fields.map(({ field, ...read }) => ({ page, item: field, ...read }));
}
