/** Frames to the server and what it reads in them, over one WebSocket that reconnects when it breaks. */

import { address, models } from "./api.js";
import { currentKey } from "./key.js";

const IN_FLIGHT = 2;
const PAUSE = 1_000;

/** A subprotocol allows fewer characters than a key may have. */
const asToken = (key) => encodeURIComponent(key).replace(/[()]/g, (character) => `%${character.charCodeAt(0).toString(16)}`);

/** Dispatches the events `reading` (detail: the answer), `broken` (detail: the message) and `ready` (send a frame). */
export class Live extends EventTarget {
  #socket = null;
  #sent = 0;
  #waiting = [];
  #lastError = "";
  #timer = 0;
  #closed = false;

  open() {
    const place = address("v1/live");
    place.protocol = place.protocol === "https:" ? "wss:" : "ws:";
    const key = currentKey();
    this.#sent = 0;
    this.#waiting = [];
    this.#lastError = "";
    this.#socket = new WebSocket(place, key ? [`inkray.key.${asToken(key)}`] : []);
    this.#socket.addEventListener("open", () => this.dispatchEvent(new Event("ready")));
    this.#socket.addEventListener("message", ({ data }) => this.#receive(JSON.parse(data)));
    this.#socket.addEventListener("close", () => this.#lost());
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  get isReady() {
    return this.#socket?.readyState === WebSocket.OPEN && this.#waiting.length < IN_FLIGHT;
  }

  send(frame) {
    if (!this.isReady) return;
    this.#waiting.push({ number: this.#sent, at: performance.now() });
    this.#sent += 1;
    this.#socket.send(frame);
  }

  #receive({ frame, strings, error }) {
    // The server skips frames when it is behind, so an answer also settles those sent before.
    const settled = this.#waiting.filter(({ number }) => number <= (frame ?? Infinity));
    this.#waiting = this.#waiting.slice(settled.length);
    const round = settled.length ? performance.now() - settled.at(-1).at : 0;
    this.#lastError = error?.message ?? "";
    if (error) this.#dispatch("broken", this.#lastError);
    else this.#dispatch("reading", { strings, round });
    this.dispatchEvent(new Event("ready"));
  }

  #lost() {
    if (this.#closed) return;
    this.#dispatch("broken", this.#lastError || "The connection to the server is lost; reconnecting.");
    this.#timer = setTimeout(() => this.#again(), PAUSE);
  }

  /** A browser does not say why a WebSocket was refused. A plain call does, and asks for the key if it is that. */
  async #again() {
    const answer = await models().catch((error) => error);
    if (this.#closed) return;
    if (answer instanceof Error) this.#lost();
    else this.open();
  }

  #dispatch(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}
