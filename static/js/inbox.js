// A list that was empty fills by itself; from then on it is kept as the reader has it.
document.addEventListener("live:swapped", ({ target }) => {
  const next = target.querySelector("[data-next-src]");
  if (next) target.dataset.liveSrc = next.dataset.nextSrc;
});
