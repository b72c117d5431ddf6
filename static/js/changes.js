// Calls back when content that matches a selector has been swapped in, whoever swapped it. A clock
// that ticks is no news.
export function onChange(selector, callback) {
  const observer = new MutationObserver((records) => {
    const touched = records.some(({ target, addedNodes }) => target.localName !== "time" && (
      target.closest?.(selector) ||
      [...addedNodes].some((node) => node.matches?.(selector) || node.querySelector?.(selector))));
    if (touched) callback();
  });
  observer.observe(document.body, { childList: true, subtree: true });
}
