// Keeps <time data-when> fresh, in the reader's language, and its exact value in their zone.
import { onChange } from "./changes.js";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const language = document.documentElement.lang || undefined;
const words = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
const exact = new Intl.DateTimeFormat(language, {
  day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit",
  hourCycle: "h23", timeZoneName: "short",
});

function relative(seconds) {
  const span = Math.abs(seconds);
  if (span < MINUTE) return words.format(0, "second");
  if (span < 2 * HOUR) return words.format(Math.trunc(seconds / MINUTE), "minute");
  if (span < 2 * DAY) return words.format(Math.trunc(seconds / HOUR), "hour");
  return words.format(Math.trunc(seconds / DAY), "day");
}

function refresh() {
  for (const time of document.querySelectorAll("time[data-when]")) {
    const moment = new Date(time.dateTime);
    const precise = exact.format(moment);
    const text = time.dataset.when === "exact" ? precise : relative((moment - Date.now()) / 1000);
    if (time.title !== precise) time.title = precise;
    if (time.textContent !== text) time.textContent = text;
  }
}

refresh();
setInterval(refresh, 20000);
onChange("time[data-when]", refresh);
