// [data-copy] puts its value on the clipboard. Without a clipboard the text is there to select.
import { announce } from "./announce.js";

if (!navigator.clipboard) document.documentElement.dataset.clipboard = "none";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button || !navigator.clipboard) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  button.dataset.copied = "";
  announce(button.dataset.copiedWord ?? "");
  setTimeout(() => delete button.dataset.copied, 1500);
});
