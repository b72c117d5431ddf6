// Replaces the content of an element by a newer one, and leaves alone what the reader is doing:
// what was opened, what was typed, the focus, the caret, how far things are scrolled, where the
// page stands.

const FIELDS = "input, textarea, select";
const folds = new Map();

// Newer content brings its folds as the server thinks best; what the reader chose wins.
document.addEventListener("click", ({ target }) => {
  const fold = target.closest("summary")?.parentElement;
  if (fold?.id) folds.set(fold.id, !fold.open);
});

function keepFolds(root) {
  return () => {
    for (const [id, open] of folds) {
      const fold = root.querySelector(`#${CSS.escape(id)}`);
      if (fold) fold.open = open;
    }
  };
}

const pathOf = (node, root) => {
  const path = [];
  for (let at = node; at !== root; at = at.parentElement) {
    path.unshift([...at.parentElement.children].indexOf(at));
  }
  return path;
};

const at = (path, root) => path.reduce((node, index) => node?.children[index], root);

function marked(node, root) {
  const found = { id: node.id, href: node.getAttribute("href"), tag: node.tagName };
  return { ...found, name: node.getAttribute("name"), path: pathOf(node, root) };
}

function find(mark, root) {
  if (mark.id) return root.querySelector(`#${CSS.escape(mark.id)}`);
  const same = (node) => node.tagName === mark.tag &&
    node.getAttribute("href") === mark.href && node.getAttribute("name") === mark.name;
  const there = at(mark.path, root);
  if (there && same(there)) return there;
  return mark.href || mark.name ? [...root.querySelectorAll(mark.tag)].find(same) : undefined;
}

function keepFocus(root) {
  const node = document.activeElement;
  if (!node || node === root || !root.contains(node)) return () => {};
  const mark = marked(node, root);
  const caret = [node.selectionStart, node.selectionEnd];
  return () => {
    const again = find(mark, root) ?? root;
    if (again === root && !root.hasAttribute("tabindex")) root.tabIndex = -1;
    again.focus({ preventScroll: true });
    if (again.matches("input, textarea") && caret[0] != null) again.setSelectionRange(...caret);
  };
}

function keepTyped(root) {
  const typed = [...root.querySelectorAll(FIELDS)]
    .filter((field) => (field.type === "checkbox" || field.type === "radio"
      ? field.checked !== field.defaultChecked
      : field.tagName !== "SELECT" && field.value !== field.defaultValue))
    .map((field) => [marked(field, root), field.value, field.checked]);
  return () => {
    for (const [mark, value, checked] of typed) {
      const field = find(mark, root);
      if (field) Object.assign(field, "checked" in field ? { value, checked } : { value });
    }
  };
}

function keepScroll(root) {
  const scrolled = [...root.querySelectorAll("*")]
    .filter((node) => node.scrollTop || node.scrollLeft)
    .map((node) => [marked(node, root), node.scrollTop, node.scrollLeft]);
  return () => {
    for (const [mark, top, left] of scrolled) {
      const node = find(mark, root);
      if (node) Object.assign(node, { scrollTop: top, scrollLeft: left });
    }
  };
}

// What the reader looks at stays where it is, when something above it grew or shrank.
function keepPlace(root) {
  const seen = [...root.querySelectorAll("[id]")].find((node) => {
    const box = node.getBoundingClientRect();
    return box.height && box.top >= 0 && box.top < innerHeight;
  });
  if (!seen || root.getBoundingClientRect().top >= 0) return () => {};
  const before = seen.getBoundingClientRect().top;
  return () => {
    const again = root.querySelector(`#${CSS.escape(seen.id)}`);
    if (again) scrollBy({ top: again.getBoundingClientRect().top - before, behavior: "instant" });
  };
}

export function swap(root, content) {
  // Nothing within a closed fold can have the focus, so folds come first.
  const keepers = [keepFolds, keepTyped, keepFocus, keepScroll, keepPlace].map((keep) => keep(root));
  root.replaceChildren(content);
  window.htmx?.process(root);
  for (const restore of keepers) restore();
}
