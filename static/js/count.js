// Keeps title, favicon and rail in step with the number of gates that wait for the reader.
// Whatever fragment carries [data-waiting] is the news; the first page load needs none of this.
import { onChange } from "./changes.js";

const title = document.title.replace(/^\(\d+\+?\)\s*/, "");
const capped = (count) => (count > 99 ? "99+" : `${count}`);

function show() {
  const carrier = document.querySelector("main [data-waiting]");
  if (!carrier) return;
  const count = Number(carrier.dataset.waiting);
  document.title = count ? `(${capped(count)}) ${title}` : title;
  const icon = document.querySelector("link[rel=icon]");
  const address = `${icon.href.split("?")[0]}${count ? `?n=${count}` : ""}`;
  if (icon.href !== address) icon.href = address;
  const badge = document.querySelector("[data-waiting-badge]");
  if (!badge) return;
  badge.hidden = !count;
  badge.querySelector("[data-waiting-number]").textContent = capped(count);
}

onChange("[data-waiting]", show);
