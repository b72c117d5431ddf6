// The decision form. A key or a bar button opens it with a verb in mind; only a press of a button
// in the form, or Ctrl/Cmd+Enter inside it, sends anything. What just changed cannot be pressed.
import { announce } from "./announce.js";
import { onChange } from "./changes.js";

const SETTLE = 400;
const panel = () => document.querySelector("[data-decide]");

export function arm(verb) {
  const place = panel();
  const button = place?.querySelector(`button[name=verb][value="${verb}"]`);
  if (!button || button.disabled) return;
  place.dataset.armed = verb;
  const comment = place.querySelector("textarea");
  comment.focus({ preventScroll: true });
  place.scrollIntoView({ block: "nearest" });
  announce(button.dataset.armedWord ?? "");
}

function rest() {
  const acts = document.querySelectorAll("[data-decide] [data-acts], [data-decidebar]");
  for (const act of acts) act.inert = true;
  setTimeout(() => { for (const act of acts) act.inert = false; }, SETTLE);
}

// The live strip says when the gate is no longer the one this form was made for.
function compare() {
  const strip = document.querySelector("[data-gate-state]");
  const place = panel();
  if (!strip || !place) return;
  const same = strip.dataset.gateState === place.dataset.state &&
    strip.dataset.gateEpoch === place.dataset.epoch;
  if (same || "stale" in place.dataset) return;
  place.dataset.stale = "";
  for (const button of place.querySelectorAll("button[name=verb]")) button.disabled = true;
  document.querySelector("[data-decidebar]")?.remove();
  const note = place.querySelector("[data-stale-note]");
  if (note) note.hidden = false;
  announce(note?.textContent.trim() ?? "");
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-arm]");
  if (!link || !panel()) return;
  event.preventDefault();
  arm(link.dataset.arm);
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.repeat) return;
  const place = event.target.closest("[data-decide]");
  const verb = place?.dataset.armed;
  const button = verb && place.querySelector(`button[name=verb][value="${verb}"]`);
  if (!button || button.disabled || button.closest("[inert]")) return;
  event.preventDefault();
  place.querySelector("form").requestSubmit(button);
});

rest();
onChange("[data-decide], [data-gate-state]", () => { compare(); rest(); });
