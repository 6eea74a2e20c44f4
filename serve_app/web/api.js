/** The server's API: every call sends the key, every error carries the server's message. */

import { askForKey, currentKey } from "./key.js";
import { noteAnswer, noteNoAnswer } from "./health.js";

export class ApiError extends Error {
  constructor(message, { status = 0, kind = "", request = "", retryAfter = 0 } = {}) {
    super(message);
    Object.assign(this, { status, kind, request, retryAfter });
  }

  get isBusy() {
    // A request that timed out once would time out again, and delay the others each time.
    return (this.status === 503 && this.kind !== "deadline_exceeded") || this.status === 429;
  }
}

/** Relative to the page, so that it works behind a path prefix too. */
export function address(path) {
  return new URL(path, document.baseURI);
}

export const models = () => call("v1/models");

export const templates = async () => (await call("v1/templates")).templates.map((one) => one.name ?? one);

export async function digit(image, signal) {
  return (await call("v1/digits?include_input=true", { method: "POST", body: image, signal })).items[0];
}

/** Many images in one request; an item that cannot be read is `{error}` in its place. */
export async function digits(files, signal) {
  const body = new FormData();
  for (const file of files) body.append("files", file, file.name);
  return (await call("v1/digits?include_input=true", { method: "POST", body, signal })).items;
}

export async function strings(image, signal) {
  return (await call("v1/strings", { method: "POST", body: image, signal })).items[0];
}

/** Without a template the server takes whichever fits. */
export async function form(file, template, signal) {
  const query = new URLSearchParams({ picture: "1", ...(template && { template }) });
  return (await call(`v1/forms?${query}`, { method: "POST", body: file, signal })).pages;
}

/** Retries while the server is overloaded: after Retry-After, or a little later each time. */
export async function withRetries(work, signal, times = 5) {
  for (let turn = 1; ; turn += 1) {
    try {
      return await work();
    } catch (error) {
      if (!error.isBusy || turn === times) throw error;
      await pause(Math.min(error.retryAfter || turn, 10) * 1000, signal);
    }
  }
}

async function call(path, options = {}) {
  for (;;) {
    const used = currentKey();
    const response = await send(path, used, options);
    if (response.status !== 401) return jsonOf(response);
    if (!(await askForKey(used))) throw await errorOf(response);
  }
}

async function send(path, key, { method = "GET", body, signal }) {
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  if (body instanceof Blob) headers["Content-Type"] = body.type || "application/octet-stream";
  try {
    const response = await fetch(address(path), { method, body, headers, signal, cache: "no-store" });
    noteAnswer();
    return response;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    noteNoAnswer();
    throw new ApiError("The server does not answer.", { kind: "unreachable" });
  }
}

async function jsonOf(response) {
  if (!response.ok) throw await errorOf(response);
  return response.json();
}

async function errorOf(response) {
  const body = await response.json().catch(() => ({}));
  const { message, kind, request } = body.error ?? {};
  const text = message ?? `The server answered with status ${response.status}.`;
  const retryAfter = Number(response.headers.get("Retry-After")) || 0;
  return new ApiError(text, { status: response.status, kind, request, retryAfter });
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
