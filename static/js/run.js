// Lets the open bars of a run's lanes grow and its counters tick between two fragments, and reads
// out what has changed.
import { announce } from "./announce.js";

const EDGE = 97;
const SELDOM = 5000;
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const isPlace = /^[\d.]+%$/;
let lanes = [];
let since = performance.now();
let drawnAt = 0;
let news = "";

// The server placed everything in percent of the track. What grows does so by `gained` percent;
// when now would pass the edge, the whole drawing is drawn together.
function read(root) {
  const places = [];
  for (const node of root.querySelectorAll("[x], [x1], [width]")) {
    for (const name of ["x", "x1", "x2", "width"]) {
      const value = node.getAttribute(name) ?? "";
      if (!isPlace.test(value) || value === "100%") continue;
      const moves = "now" in node.dataset || (name === "width" && "grows" in node.dataset);
      places.push({ node, name, from: parseFloat(value), moves });
    }
  }
  const line = root.querySelector("line[data-now]");
  return { places, pace: Number(root.dataset.pace), quiet: Number(root.dataset.quiet),
    now: parseFloat(line?.getAttribute("x1") ?? 0) };
}

function draw({ places, pace, quiet, now }, seconds) {
  const gained = pace * (quiet ? quiet * Math.log1p(seconds / quiet) : seconds);
  const drawn = Math.min(1, EDGE / (now + gained));
  for (const { node, name, from, moves } of places) {
    const value = `${((from + (moves ? gained : 0)) * drawn).toFixed(3)}%`;
    if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  }
}

function frame(moment) {
  if (moment - drawnAt > (calm.matches ? SELDOM : 0)) {
    drawnAt = moment;
    for (const one of lanes) draw(one, (moment - since) / 1000);
  }
  if (lanes.length) requestAnimationFrame(frame);
}

function words(ms, shapes) {
  const seconds = Math.floor(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const shape = shapes[hours ? 2 : minutes ? 1 : 0];
  const parts = { h: hours, m: minutes % 60, s: seconds % 60 };
  return shape.replace(/%\((\w)\)d/g, (_, name) => parts[name]);
}

function tick() {
  const passed = performance.now() - since;
  const shapes = document.querySelector("[data-counting]")?.dataset.counting.split("|");
  if (!shapes) return;
  for (const counter of document.querySelectorAll("[data-ticks]")) {
    const text = words(Number(counter.dataset.ticks) + passed, shapes);
    if (counter.textContent !== text) counter.textContent = text;
  }
}

function begin() {
  const idle = !lanes.length;
  since = performance.now();
  lanes = [...document.querySelectorAll("[data-gantt]")].map(read);
  news = document.querySelector("[data-news]")?.textContent ?? "";
  if (idle && lanes.length) requestAnimationFrame(frame);
}

document.addEventListener("live:swapped", () => {
  const before = news;
  begin();
  if (news && news !== before) announce(news);
});

begin();
setInterval(tick, 1000);
