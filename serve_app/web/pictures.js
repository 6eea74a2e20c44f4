/** Pictures on canvases. The page's policy forbids data: and blob: addresses, so no picture has one. */

export function fromBase64(text) {
  return new Blob([Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0))]);
}

/** Shows a picture at its own size, or scaled into a square of `side` pixels. Gives its own [width, height], or null. */
export async function paint(canvas, blob, side = Infinity) {
  const bitmap = await createImageBitmap(blob).catch(() => null);
  if (!bitmap) return null;
  const { width, height } = bitmap;
  const scale = Math.min(1, side / Math.max(width, height));
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return [width, height];
}
