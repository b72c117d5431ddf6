// Switches a diff between unified and split without leaving the page (the links also work).
document.addEventListener("click", (event) => {
  const choice = event.target.closest("[data-diff-view]");
  const diff = choice?.closest(".diff");
  if (!diff) return;
  event.preventDefault();
  diff.dataset.view = choice.dataset.diffView;
  for (const other of diff.querySelectorAll("[data-diff-view]")) {
    if (other === choice) other.setAttribute("aria-current", "true");
    else other.removeAttribute("aria-current");
  }
});
