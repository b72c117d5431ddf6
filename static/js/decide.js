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
  const focused = document.activeElement;
  for (const act of acts) act.inert = true;
  setTimeout(() => {
    for (const act of acts) act.inert = isCutOff();
    if (document.activeElement === document.body && focused?.isConnected) focused.focus();
  }, SETTLE);
}

// Without news from the server nobody decides: what is shown may be over.
const isCutOff = () => document.documentElement.hasAttribute("data-stale");

function say(note, isShown) {
  const element = panel()?.querySelector(`[data-note=${note}]`);
  if (!element || element.hidden === !isShown) return;
  element.hidden = !isShown;
  if (isShown) announce(element.textContent.trim());
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
  say("moved", true);
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
  button.click();
});

// While the form itself is in view, the bar that leads to it steps aside.
const bar = document.querySelector("[data-decidebar]");
const seen = new IntersectionObserver(([entry]) => {
  bar.toggleAttribute("data-arrived", entry.isIntersecting);
});

function watch() {
  const acts = document.querySelector("[data-decide] [data-acts]");
  seen.disconnect();
  if (bar && acts) seen.observe(acts);
  else bar?.remove();
}

watch();
rest();
document.addEventListener("htmx:sendError", () => say("unsent", true));
document.addEventListener("htmx:beforeRequest", () => say("unsent", false));
new MutationObserver(() => { say("cut-off", isCutOff()); rest(); })
  .observe(document.documentElement, { attributeFilter: ["data-stale"] });
onChange("[data-decide], [data-gate-state]", () => { compare(); rest(); watch(); });
