// Applies a theme at once and keeps it in the cookie that the server reads; the form works alone.
const YEAR = 31536000;

document.addEventListener("submit", (event) => {
  const choice = event.submitter;
  if (!event.target.matches("[data-theme-form]") || choice?.name !== "theme") return;
  event.preventDefault();
  document.documentElement.dataset.theme = choice.value;
  document.cookie = `theme=${choice.value};path=/;max-age=${YEAR};samesite=lax`;
  for (const button of document.querySelectorAll("[data-theme-form] [name=theme]")) {
    button.setAttribute("aria-pressed", String(button.value === choice.value));
  }
});
