// Single keys move and open; none of them decides. They rest while somebody types, while a key is
// held down, while a dialog is open, and when the reader has switched them off.
import { arm } from "./decide.js";

let going = false;

const rows = () => [...document.querySelectorAll("[data-row]")];

function move(step) {
  const all = rows();
  if (!all.length) return;
  const here = all.indexOf(document.activeElement);
  const next = all[Math.min(Math.max(here + step, 0), all.length - 1)];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

function go(key) {
  document.querySelector(`[data-go="${CSS.escape(key)}"]`)?.click();
}

const keys = {
  j: () => move(1),
  k: () => move(-1),
  o: () => document.activeElement?.matches("[data-row]") && document.activeElement.click(),
  a: () => arm("approve"),
  r: () => arm("reject"),
  "/": () => document.querySelector("[data-filter]")?.focus(),
  "?": () => document.getElementById("keys")?.showModal(),
  u: () => document.querySelector("[data-back]")?.click(),
};

function resting(event) {
  return (
    event.repeat || event.ctrlKey || event.metaKey || event.altKey ||
    document.body.dataset.keys === "off" ||
    document.querySelector("dialog[open]") ||
    event.target.closest("input, textarea, select, [contenteditable]")
  );
}

document.addEventListener("keydown", (event) => {
  if (resting(event)) return;
  if (going) {
    going = false;
    go(event.key);
    return;
  }
  if (event.key === "g") {
    going = true;
    setTimeout(() => { going = false; }, 1500);
    return;
  }
  if (!keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});
