// Wires the page. Everything here adds comfort; reading and deciding work without it.
import "./copy.js";
import "./count.js";
import "./decide.js";
import "./dialog.js";
import "./diff.js";
import "./inbox.js";
import "./keyboard.js";
import "./theme.js";
import "./time.js";

// An answer that is a whole page (a sign-in page, a CSRF refusal) never lands inside a fragment:
// load the page properly, so that the reader sees where they are.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (!xhr.responseText.trimStart().toLowerCase().startsWith("<!doctype")) return;
  event.detail.shouldSwap = false;
  window.location.assign(xhr.status < 400 ? xhr.responseURL : window.location.href);
});
