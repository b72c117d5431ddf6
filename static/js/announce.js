// Says something to a screen reader without moving the focus.
export function announce(text) {
  const region = document.getElementById("announce");
  if (region) region.textContent = text;
}
