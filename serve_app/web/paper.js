/** Paper to draw on: strokes by mouse, pen or finger. Gives the event `change`. */

const PEN = 0.066;
const SENT = 280;

export class Paper extends EventTarget {
  /** Grows when the paper is cleared: an answer about an older drawing is out of date. */
  generation = 0;
  #strokes = [];
  #drawing = null;
  #canvas;
  #context;

  constructor(canvas) {
    super();
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (this.#drawing = null));
    canvas.addEventListener("keydown", (event) => this.#key(event));
  }

  get isBlank() {
    return this.#strokes.length === 0;
  }

  clear() {
    this.#strokes = [];
    this.generation += 1;
    this.#redraw();
  }

  undo() {
    this.#strokes.pop();
    if (this.isBlank) this.generation += 1;
    this.#redraw();
  }

  /** The drawing as a PNG, ink on white. */
  picture() {
    const small = new OffscreenCanvas(SENT, SENT);
    const context = small.getContext("2d");
    context.fillStyle = "white";
    context.fillRect(0, 0, SENT, SENT);
    context.drawImage(this.#canvas, 0, 0, SENT, SENT);
    return small.convertToBlob({ type: "image/png" });
  }

  #down(event) {
    if (event.button !== 0) return;
    this.#canvas.setPointerCapture(event.pointerId);
    this.#drawing = { pointer: event.pointerId, points: [this.#place(event)] };
    this.#strokes.push(this.#drawing.points);
    this.#redraw();
  }

  #move(event) {
    if (event.pointerId !== this.#drawing?.pointer) return;
    // A quick hand makes several points between two frames.
    const passed = event.getCoalescedEvents?.() ?? [];
    for (const one of passed.length ? passed : [event]) this.#drawing.points.push(this.#place(one));
    this.#redraw();
  }

  #key(event) {
    if (event.key === "Escape" || event.key === "Delete") this.clear();
    else if (event.key === "Backspace" || (event.key === "z" && (event.ctrlKey || event.metaKey))) this.undo();
    else return;
    event.preventDefault();
  }

  #place(event) {
    const box = this.#canvas.getBoundingClientRect();
    const { width, height } = this.#canvas;
    return [((event.clientX - box.left) * width) / box.width, ((event.clientY - box.top) * height) / box.height];
  }

  #redraw() {
    const { width, height } = this.#canvas;
    const context = this.#context;
    context.clearRect(0, 0, width, height);
    Object.assign(context, { lineWidth: width * PEN, lineCap: "round", lineJoin: "round", strokeStyle: "#17203f" });
    for (const points of this.#strokes) {
      context.beginPath();
      trace(context, points);
      context.stroke();
    }
    this.dispatchEvent(new Event("change"));
  }
}

/** Through the middles between the points, so that corners of the sampling do not show. */
function trace(context, points) {
  context.moveTo(...points[0]);
  for (let at = 1; at < points.length; at += 1) {
    const [x, y] = points[at - 1];
    context.quadraticCurveTo(x, y, (x + points[at][0]) / 2, (y + points[at][1]) / 2);
  }
  context.lineTo(...points.at(-1));
}
