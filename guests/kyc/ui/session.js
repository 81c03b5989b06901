// Says when the session ends: the time while it is far off, a countdown in its last two minutes.

import { byId, fill, icon } from "./dom.js";
import { formatClock } from "./format.js";
import { announce } from "./notice.js";

const COUNTDOWN_MS = 2 * 60 * 1000;

// `expiresAt` is in milliseconds since 1970. Where the clock of this device already stands past it although the app has just
// answered, that clock is wrong, and saying nothing is better than saying something false.
export function showSessionEnd(expiresAt) {
  if (!Number.isFinite(expiresAt) || expiresAt <= Date.now()) return;
  const place = byId("session");
  place.hidden = false;
  let counting = false;

  function tick() {
    const left = expiresAt - Date.now();
    if (left <= 0) {
      write("Session ended. Launch the app again.", "ended");
      announce("The session has ended. Launch the app again from Cloud.");
      return;
    }
    if (left <= COUNTDOWN_MS) {
      if (!counting) announce("The session ends in two minutes.");
      counting = true;
      write(`Session ends in ${countdown(left)}`, "soon");
      setTimeout(tick, left % 1000 || 1000);
      return;
    }
    write(`Session until ${formatClock(expiresAt)}`, "far");
    setTimeout(tick, left - COUNTDOWN_MS);
  }

  function write(text, state) {
    place.dataset.state = state;
    fill(place, icon("clock"), text);
  }

  tick();
}

function countdown(milliseconds) {
  const seconds = Math.ceil(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
