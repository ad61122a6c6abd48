// Says aloud what has changed in kind, and leaves the numbers to who looks for them.

import { setText } from "./dom.js";

const spoken = new Map();

export function say(name, state, words) {
  const before = spoken.get(name);
  spoken.set(name, state);
  if (before !== undefined && before !== state) setText(document.getElementById("announcer"), `${name}: ${state}. ${words}`);
}
