/** The form templates that the server has, for whoever lists them. */

import { templates } from "./api.js";

const listeners = [];

export function onTemplates(listener) {
  listeners.push(listener);
}

/** Gives why there is no list, or nothing. */
export async function loadTemplates() {
  const names = await templates();
  for (const listener of listeners) listener(names);
}
