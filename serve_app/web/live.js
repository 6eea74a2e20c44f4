/** Frames to the server and what it reads in them, over one WebSocket that is opened again when it breaks. */

import { address, models } from "./api.js";
import { currentKey } from "./key.js";

const IN_FLIGHT = 2;
const PAUSE = 1_000;

/** A subprotocol has fewer signs than a key may have. */
const asToken = (key) => encodeURIComponent(key).replace(/[()]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`);

/** Gives the events `reading` (detail: the answer), `broken` (detail: words) and `ready` (the next frame may come). */
export class Live extends EventTarget {
  #socket = null;
  #sent = 0;
  #waiting = [];
  #said = "";
  #timer = 0;
  #closed = false;

  open() {
    const place = address("v1/live");
    place.protocol = place.protocol === "https:" ? "wss:" : "ws:";
    const key = currentKey();
    this.#sent = 0;
    this.#waiting = [];
    this.#said = "";
    this.#socket = new WebSocket(place, key ? [`inkray.key.${asToken(key)}`] : []);
    this.#socket.addEventListener("open", () => this.dispatchEvent(new Event("ready")));
    this.#socket.addEventListener("message", ({ data }) => this.#heard(JSON.parse(data)));
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

  #heard({ frame, strings, error }) {
    // The server skips frames when it is behind, so an answer also settles those sent before.
    const settled = this.#waiting.filter(({ number }) => number <= (frame ?? Infinity));
    this.#waiting = this.#waiting.slice(settled.length);
    const round = settled.length ? performance.now() - settled.at(-1).at : 0;
    this.#said = error?.message ?? "";
    if (error) this.#tell("broken", this.#said);
    else this.#tell("reading", { strings, round });
    this.dispatchEvent(new Event("ready"));
  }

  #lost() {
    if (this.#closed) return;
    this.#tell("broken", this.#said || "The connection to the server is lost; it is tried again.");
    this.#timer = setTimeout(() => this.#again(), PAUSE);
  }

  /** A browser does not say why a WebSocket was refused. A plain call does, and asks for the key if it is that. */
  async #again() {
    const answer = await models().catch((error) => error);
    if (this.#closed) return;
    if (answer instanceof Error) this.#lost();
    else this.open();
  }

  #tell(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}
