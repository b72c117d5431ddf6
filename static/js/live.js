// Keeps what is on the page true. An element says what it shows and where it comes from:
//   <section data-live="run:9f1c" data-seq="12" data-live-src="/runs/9f1c/fragment/">
// When its doorbell rings, its content is fetched again from the ordinary, permission-checked
// address. While the socket is down the same addresses are polled. Events on the element:
//   live:update   before it is fetched; preventDefault() keeps it as it is
//   live:swapped  after it was replaced
// With data-live-hold nothing is replaced by itself: [data-live-news] inside it is shown, and
// pressing that fetches. [data-live-status] says how the page stands; <html data-stale> while it
// has heard nothing for 15 seconds.
import { SIGNED_OUT, doorbell } from "./doorbell.js";
import { swap } from "./swap.js";

const POLL = 5000;
const STALE = 15000;
const GAP = 250;
const UNSEEN_GAP = 10000;
const HOLD = 10000;

const regions = new Map();
let state = "";
let freshAt = Date.now();
let pressed = null;

const bell = doorbell({
  onRing: (name, seq) => {
    for (const region of regionsOf(name)) {
      if (seq === undefined || seq > region.seq) want(region, seq);
    }
  },
  onRefused: (name) => regionsOf(name).forEach((region) => { region.isMute = true; }),
  onUp: () => { fresh(); show("live"); },
  onDown: (code) => {
    if (code === SIGNED_OUT) show("signed-out");
    else if (state !== "offline") show("reconnecting");
  },
});

const regionsOf = (name) => [...regions.values()].filter((region) => region.name === name);

// What is wanted ------------------------------------------------------------------------------

function want(region, seq = region.wanted) {
  region.wanted = Math.max(region.wanted, seq ?? 0);
  region.isDirty = true;
  soon(region);
}

function soon(region) {
  if (region.timer || region.isBusy || region.isGone || !region.isDirty) return;
  const gap = document.hidden ? UNSEEN_GAP : GAP;
  const wait = Math.max(0, region.fetchedAt + gap - Date.now());
  region.timer = setTimeout(() => { region.timer = 0; refresh(region); }, wait);
}

// Nothing is replaced between pressing and releasing, or under a selection that is being made.
function isHeld({ element }) {
  if (pressed && element.contains(pressed)) return true;
  const selection = document.getSelection();
  return Boolean(selection && !selection.isCollapsed && selection.anchorNode &&
    element.contains(selection.anchorNode));
}

async function refresh(region) {
  const { element } = region;
  region.heldSince = isHeld(region) ? region.heldSince || Date.now() : 0;
  if (region.heldSince && Date.now() - region.heldSince < HOLD) {
    region.timer = setTimeout(() => { region.timer = 0; refresh(region); }, GAP);
    return;
  }
  region.isDirty = false;
  region.heldSince = 0;
  const update = new CustomEvent("live:update", {
    bubbles: true, cancelable: true, detail: { name: region.name, seq: region.wanted },
  });
  if (!element.dispatchEvent(update)) return;
  if ("liveHold" in element.dataset && !region.isAsked) { announceNews(region); return; }
  await load(region);
}

function announceNews(region) {
  region.news += 1;
  const news = region.element.querySelector("[data-live-news]");
  if (!news) return;
  news.hidden = false;
  const count = news.querySelector("[data-live-count]");
  if (count) count.textContent = region.news;
}

async function load(region) {
  const seq = region.wanted;
  region.isBusy = true;
  region.fetchedAt = Date.now();
  try {
    const html = await fragment(region);
    if (html !== null) put(region, html, seq);
  } catch {
    region.isDirty = true;
    region.fetchedAt = Date.now() + POLL; // a server in trouble is not asked in a hurry
  }
  region.isBusy = false;
  region.isAsked = false;
  soon(region);
}

async function fragment(region) {
  const { liveSrc } = region.element.dataset;
  const headers = { "HX-Request": "true", "X-Live": "1" };
  const response = await fetch(liveSrc, { headers, cache: "no-store", redirect: "manual" });
  if (response.type === "opaqueredirect" || response.status === 401) {
    show("signed-out");
    return null;
  }
  if (response.status === 403 || response.status === 404) {
    region.isGone = true;
    return null;
  }
  if (!response.ok) throw new Error(`${response.status}`);
  const html = await response.text();
  fresh();
  // A whole page, such as one to sign in on, never lands inside a fragment.
  return html.trimStart().toLowerCase().startsWith("<!doctype") ? null : html;
}

function put(region, html, seq) {
  const { element } = region;
  if (!element.isConnected) return;
  region.seq = Math.max(region.seq, seq);
  if (html === region.html) return;
  region.html = html;
  region.news = 0;
  const template = document.createElement("template");
  template.innerHTML = html;
  swap(element, template.content);
  element.dispatchEvent(new CustomEvent("live:swapped", { bubbles: true }));
}

// How the page stands -------------------------------------------------------------------------

const clock = (moment) => new Intl.DateTimeFormat(document.documentElement.lang || undefined, {
  hour: "2-digit", minute: "2-digit", hourCycle: "h23",
}).format(moment);

const WORDS = {
  live: ["wordLive", "Live"],
  reconnecting: ["wordReconnecting", "Reconnecting"],
  offline: ["wordOffline", "Offline since"],
  "signed-out": ["wordSignedOut", "Signed out, load the page again"],
};

function show(next) {
  if (state === "signed-out" || (state === next && next !== "offline")) return;
  state = next;
  const isStale = state === "offline" || state === "signed-out";
  document.documentElement.toggleAttribute("data-stale", isStale);
  for (const pill of document.querySelectorAll("[data-live-status]")) {
    const [key, fallback] = WORDS[state];
    const word = pill.dataset[key] ?? fallback;
    const text = state === "offline" ? `${word} ${clock(freshAt)}` : word;
    pill.dataset.state = state === "signed-out" ? "offline" : state;
    if (pill.textContent !== text) pill.textContent = text;
  }
}

function fresh() {
  freshAt = Date.now();
  if (state === "offline") show("reconnecting");
}

function poll() {
  if (!regions.size || state === "signed-out" || document.hidden) return;
  for (const region of regions.values()) {
    if (state !== "live" || region.isMute) want(region);
  }
  if (state !== "live" && Date.now() - freshAt > STALE) show("offline");
}

// What is on the page -------------------------------------------------------------------------

function register(element) {
  const seq = Number(element.dataset.seq ?? 0);
  const name = element.dataset.live;
  regions.set(element, {
    element, name, seq, wanted: seq, html: "", news: 0, timer: 0, fetchedAt: 0,
    heldSince: 0, isDirty: false, isBusy: false, isMute: false, isGone: false, isAsked: false,
  });
  bell.join(name);
}

function scan() {
  for (const [element, region] of regions) {
    if (element.isConnected && element.dataset.live === region.name) continue;
    clearTimeout(region.timer);
    regions.delete(element);
    if (!regionsOf(region.name).length) bell.leave(region.name);
  }
  for (const element of document.querySelectorAll("[data-live][data-live-src]")) {
    if (!regions.has(element)) register(element);
  }
}

function comeBack() {
  if (document.hidden) return;
  bell.hurry();
  for (const region of regions.values()) {
    clearTimeout(region.timer);
    region.timer = 0;
    if (state !== "live") want(region); else soon(region);
  }
}

document.addEventListener("pointerdown", ({ target }) => { pressed = target; }, true);
for (const name of ["pointerup", "pointercancel"]) {
  // The click comes after the release, and must still find what was pressed.
  document.addEventListener(name, () => setTimeout(() => { pressed = null; }, 50), true);
}
document.addEventListener("click", ({ target }) => {
  const region = regions.get(target.closest?.("[data-live-news]")?.closest("[data-live]"));
  if (!region) return;
  region.isAsked = true;
  want(region);
});
document.addEventListener("visibilitychange", comeBack);
addEventListener("online", comeBack);
addEventListener("pageshow", ({ persisted }) => { if (persisted) comeBack(); });
setInterval(poll, POLL);
new MutationObserver(scan).observe(document.body, {
  childList: true, subtree: true, attributeFilter: ["data-live"],
});
scan();
