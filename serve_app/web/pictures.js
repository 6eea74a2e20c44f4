/** Pictures on canvases. The page's policy forbids data: and blob: addresses, so no picture has one. */

export function fromBase64(text) {
  return new Blob([Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0))]);
}

/** Shows a picture at its own size, or scaled into a square of `side` pixels. Gives false for what is no picture. */
export async function paint(canvas, blob, side = Infinity) {
  const bitmap = await createImageBitmap(blob).catch(() => null);
  if (!bitmap) return false;
  const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return true;
}
