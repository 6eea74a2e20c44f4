/** The camera's picture, read live, with boxes and numbers over it. */

import { numberBoxes, showBoxes } from "./boxes.js";
import { Live } from "./live.js";
import { byId, make, percent, say } from "./text.js";
import { onView } from "./views.js";

const LONG_SIDE = 960;
const QUALITY = 0.8;
const REFUSALS = {
  NotAllowedError: "The browser was not allowed to use the camera. Allow it in the address bar, then start again.",
  NotFoundError: "There is no camera on this device.",
  NotReadableError: "Another program is using the camera. Close it, then start again.",
};

let running = null;
/** Counts starts and stops: a start that is overtaken by another releases the camera. */
let turn = 0;

export function startCamera() {
  byId("camera-toggle").addEventListener("click", () => (running ? stop() : start()));
  byId("camera-select").addEventListener("change", async () => {
    stop();
    await start(byId("camera-select").value);
  });
  onView((name) => name === "camera" || stop());
}

async function start(device) {
  const mine = (turn += 1);
  const stream = await opened(device);
  if (!stream) return;
  if (mine !== turn) return release(stream);
  const video = byId("camera-video");
  video.srcObject = stream;
  const failed = await video.play().catch((error) => error);
  if (failed && mine === turn) say(byId("camera-notice"), `The camera did not start: ${failed.message}`, "error");
  if (failed || mine !== turn) return release(stream);
  running = { stream, live: new Live(), frame: new OffscreenCanvas(1, 1), answers: [] };
  listen(running.live);
  running.live.open();
  shown(true);
  await listCameras(stream);
}

async function opened(device) {
  say(byId("camera-notice"), "");
  if (!navigator.mediaDevices) {
    say(byId("camera-notice"), "Browsers allow the camera only on pages from https or localhost.", "error");
    return null;
  }
  const which = device ? { deviceId: { exact: device } } : { facingMode: "environment" };
  try {
    return await navigator.mediaDevices.getUserMedia({ video: { ...which, width: { ideal: 1280 } }, audio: false });
  } catch (error) {
    say(byId("camera-notice"), REFUSALS[error.name] ?? `The camera did not start: ${error.message}`, "error");
    return null;
  }
}

function release(stream) {
  for (const track of stream.getTracks()) track.stop();
}

function stop() {
  turn += 1;
  if (!running) return;
  running.live.close();
  release(running.stream);
  running = null;
  byId("camera-video").srcObject = null;
  byId("camera-boxes").replaceChildren();
  byId("camera-speed").textContent = "";
  byId("camera-strings").replaceChildren();
  delete byId("camera-strings").dataset.values;
  say(byId("camera-notice"), "");
  shown(false);
}

function shown(on) {
  byId("camera-stage").toggleAttribute("data-empty", !on);
  byId("camera-toggle").textContent = on ? "Stop the camera" : "Start the camera";
  byId("camera-toggle").setAttribute("aria-pressed", on);
}

async function listCameras(stream) {
  const devices = await navigator.mediaDevices.enumerateDevices();
  const cameras = devices.filter((one) => one.kind === "videoinput");
  const used = stream.getVideoTracks()[0].getSettings().deviceId;
  const options = cameras.map((one, at) =>
    make("option", { value: one.deviceId, textContent: one.label || `camera ${at + 1}`, selected: one.deviceId === used }),
  );
  byId("camera-select").replaceChildren(...options);
  byId("camera-choice").hidden = cameras.length < 2;
}

function listen(live) {
  live.addEventListener("ready", () => sendNext(live));
  live.addEventListener("reading", ({ detail }) => live === running?.live && show(detail));
  live.addEventListener("broken", ({ detail }) => live === running?.live && broken(detail));
}

/** Sends the next frame when the server is ready for it and the camera has a new one. */
async function sendNext(live) {
  const video = byId("camera-video");
  await new Promise((resolve) => (video.requestVideoFrameCallback ?? requestAnimationFrame).call(video, resolve));
  if (live !== running?.live || !live.isReady) return;
  live.send(await jpegOf(video, running.frame));
  if (live.isReady) sendNext(live);
}

function jpegOf(video, canvas) {
  const scale = Math.min(1, LONG_SIDE / Math.max(video.videoWidth, video.videoHeight));
  canvas.width = Math.round(video.videoWidth * scale);
  canvas.height = Math.round(video.videoHeight * scale);
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
}

function show({ strings, round }) {
  say(byId("camera-notice"), "");
  showBoxes(byId("camera-boxes"), numberBoxes(strings), [running.frame.width, running.frame.height]);
  list(strings);
  byId("camera-speed").textContent = speed(round);
}

function broken(words) {
  byId("camera-boxes").replaceChildren();
  say(byId("camera-notice"), words, "error");
}

/** Only what has changed is replaced, since a screen reader announces it. */
function list(strings) {
  const place = byId("camera-strings");
  const values = strings.map(({ value }) => value).join(" ");
  if (place.dataset.values !== values) {
    place.dataset.values = values;
    place.replaceChildren(...strings.map(({ value }) => make("li", {}, make("strong", { textContent: value }), make("span"))));
  }
  strings.forEach(({ confidence }, at) => (place.children[at].lastChild.textContent = percent(confidence)));
}

function speed(round) {
  const now = performance.now();
  running.answers = [...running.answers.filter((time) => now - time < 2_000), now];
  const seconds = (now - running.answers[0]) / 1_000;
  const rate = seconds > 0.2 ? `${((running.answers.length - 1) / seconds).toFixed(0)} frames per second, ` : "";
  return `${rate}${Math.round(round)} ms round trip`;
}
