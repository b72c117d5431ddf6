// Lets the open bars of a run's lanes grow and its counters tick between two fragments, keeps open
// what the reader opened when a fragment comes in, and reads out what has changed.
import { announce } from "./announce.js";
import { onChange } from "./changes.js";

const WHOLE = 99.5;
const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
const folds = new Map();
let since = performance.now();
let fresh = document.querySelector("[data-fresh]");
let news = document.querySelector("[data-news]")?.textContent;

const percent = (node, name) => parseFloat(node.getAttribute(name));

// A bar starts to grow from the width the server gave it; the axis has some room for that.
function grow(lanes, seconds) {
  const gained = Number(lanes.dataset.pace) * seconds;
  for (const line of lanes.querySelectorAll("[data-now]")) {
    line.dataset.from ??= percent(line, "x1");
    const at = `${Math.min(Number(line.dataset.from) + gained, WHOLE)}%`;
    line.setAttribute("x1", at);
    line.setAttribute("x2", at);
  }
  for (const bar of lanes.querySelectorAll("[data-grows]")) {
    bar.dataset.from ??= percent(bar, "width");
    const most = WHOLE - percent(bar, "x");
    bar.setAttribute("width", `${Math.max(Math.min(Number(bar.dataset.from) + gained, most), 0.5)}%`);
  }
}

function words(ms, shapes) {
  const seconds = Math.floor(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const shape = shapes[hours ? 2 : minutes ? 1 : 0];
  const parts = { h: hours, m: minutes % 60, s: seconds % 60 };
  return shape.replace(/%\((\w)\)d/g, (_, name) => parts[name]);
}

function tick(passed) {
  const shapes = document.querySelector("[data-counting]")?.dataset.counting.split("|");
  if (!shapes) return;
  for (const counter of document.querySelectorAll("[data-ticks]")) {
    const text = words(Number(counter.dataset.ticks) + passed, shapes);
    if (counter.textContent !== text) counter.textContent = text;
  }
}

function draw() {
  const passed = performance.now() - since;
  for (const lanes of document.querySelectorAll("[data-gantt]")) grow(lanes, passed / 1000);
}

function frame() {
  if (!calm.matches) draw();
  requestAnimationFrame(frame);
}

// A fragment brings its folds as the server thinks best; what the reader chose wins.
document.addEventListener("toggle", ({ target }) => {
  if (target.matches("details[id]")) folds.set(target.id, target.open);
}, true);

function arrived() {
  const now = document.querySelector("[data-fresh]");
  if (now === fresh) return;
  fresh = now;
  since = performance.now();
  for (const [id, open] of folds) {
    const fold = document.getElementById(id);
    if (fold && fold.open !== open) fold.open = open;
  }
  const told = document.querySelector("[data-news]")?.textContent;
  if (told && told !== news) announce(told);
  news = told;
}

onChange("[data-live]", arrived);
setInterval(() => tick(performance.now() - since), 1000);
requestAnimationFrame(frame);
