// Small pieces of the page: elements, icons, buttons, sliders, menus.

function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children.filter(child => child != null));
  return element;
}

// Drawn for this widget: 24 x 24, lines of width 2; after a bar, dots.
const ICONS = {
  dice: "M5 4h14a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1z|M8.5 8.5h.01M15.5 8.5h.01M12 12h.01M8.5 15.5h.01M15.5 15.5h.01",
  undo: "M8 5 4 9l4 4M4 9h10a5.5 5.5 0 0 1 0 11h-4",
  redo: "M16 5l4 4-4 4M20 9H10a5.5 5.5 0 0 0 0 11h4",
  reset: "M5 5v5h5M5.5 10A7.5 7.5 0 1 1 4.5 14",
  compare: "M12 3v18M9 6H5a1 1 0 0 0-1 1v10a1 1 0 0 0 1 1h4M15 6h4a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1h-4",
  locked: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  open_lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 6.8-1.2",
  seen: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z",
  unseen: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM4 20 20 4",
  beside: "M3 6h8v12H3zM13 6h8v12h-8z|M7 12h.01M17 12h.01",
  share: "M12 15V4M8 7.5 12 4l4 3.5M5 12v7a1 1 0 0 0 1 1h12a1 1 0 0 0 1-1v-7",
  save: "M12 4v11M7.5 10.5 12 15l4.5-4.5M4 19h16",
  open: "M3 6h6l2 2h10v11H3zM3 11h18",
  photo: "M4 8h3.5L9 5.5h6L16.5 8H20v11H4zM12 10a3.3 3.3 0 1 0 0 6.6 3.3 3.3 0 0 0 0-6.6z",
  backdrop: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 8.5h.01",
  changes: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z",
};

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  ICONS[name].split("|").forEach((lines, i) => {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", lines);
    if (i) path.setAttribute("class", "fe-dots");
    svg.append(path);
  });
  return svg;
}

function button(symbol, label, title, onclick, extra = {}) {
  const text = label ? h("span", {}, label) : null;
  return h("button", { type: "button", title, "aria-label": label || title, onclick, ...extra,
                       class: `fe-button ${extra.class ?? ""}` }, symbol ? icon(symbol) : null, text);
}

function setIcon(element, name) { element.querySelector("svg").replaceWith(icon(name)); }

// Values with the same stroke number belong together: a drag, a turn of the wheel, a key that is held down. They are one
// step of the history, and of those that wait for the kernel only the last is sent.
let strokes = 0;
const newStroke = () => `s${++strokes}`;

// A slider that reports while it is dragged. All values of one drag, or of one key held down, carry the same stroke
// number. When it comes to rest it says so.
function slider(label, { min, max, step, title, onmove, onrest, format = v => v.toFixed(2) }) {
  const input = h("input", { type: "range", min, max, step, title, "aria-label": title ?? label });
  const value = h("span", { class: "fe-value", "aria-hidden": "true" });     // no <output>: it would be read aloud at every move
  const shown = h("span", { "aria-hidden": "true" }, label);
  const [low, high] = [0, 1].map(() => h("span", { class: "fe-end", "aria-hidden": "true" }));
  const root = h("div", { class: "fe-slider" }, shown, low, high, input, value);
  let stroke = null, keyed = false;
  const paint = () => {
    value.textContent = format(+input.value);
    input.setAttribute("aria-valuetext", value.textContent);
    // The bar is filled from zero, or from the left end where there is no zero.
    const share = v => 100 * (v - min) / (max - min), zero = share(Math.max(min, Math.min(0, max)));
    input.style.setProperty("--from", `${Math.min(zero, share(input.value))}%`);
    input.style.setProperty("--to", `${Math.max(zero, share(input.value))}%`);
  };
  input.addEventListener("input", () => {
    stroke ??= newStroke();
    paint();
    onmove(+input.value, stroke);
  });
  const rest = () => { if (stroke) { stroke = null; onrest?.(); } };
  // A key that repeats brings a "change" each time; its stroke ends when it is let go.
  input.addEventListener("keydown", event => { keyed ||= /^(Arrow|Page|Home|End)/.test(event.key); });
  input.addEventListener("change", () => { if (!keyed) rest(); });
  for (const kind of ["keyup", "pointerup", "blur"]) input.addEventListener(kind, () => { keyed = false; rest(); });
  return {
    root, input,
    name(text) { input.setAttribute("aria-label", text); input.title = text; },
    // Words for the two ends, above the bar, in place of the label.
    ends(words) {
      [low.textContent, high.textContent] = words ?? ["", ""];
      shown.hidden = Boolean(words);
      root.classList.toggle("fe-with-ends", Boolean(words));
    },
    set(v) { if (stroke === null) { input.value = v; paint(); } },
    get moving() { return stroke !== null; },
  };
}

// A button that opens a small panel below it; Escape and a click elsewhere close it.
function menu(symbol, label, title, ...content) {
  const panel = h("div", { class: "fe-menu", hidden: true, role: "dialog", "aria-label": title });
  const opener = button(symbol, label, title, () => toggle(panel.hidden), { "aria-expanded": "false" });
  const root = h("div", { class: "fe-menu-root" }, opener, panel);
  panel.append(...content);
  function toggle(open) {
    panel.hidden = !open;
    opener.setAttribute("aria-expanded", String(open));
    if (open) panel.querySelector("button, input")?.focus();
  }
  root.addEventListener("keydown", event => {
    if (event.key === "Escape" && !panel.hidden) { toggle(false); opener.focus(); event.stopPropagation(); }
  });
  root.addEventListener("focusout", event => {
    if (!panel.hidden && event.relatedTarget && !root.contains(event.relatedTarget)) toggle(false);
  });
  return { root, opener, close: () => toggle(false), get isOpen() { return !panel.hidden; },
           closeIfOutside(target) { if (!root.contains(target)) toggle(false); } };
}

// Jupyter closes the line to the kernel at a message of 10 MB, so files have to stay below.
const MOST_BYTES = 8e6;

async function readFile(file, onfile, onfail, prepared = file => file) {
  try {
    const content = await prepared(file);
    if (content.size > MOST_BYTES) onfail(`"${file.name}" is too large (more than ${MOST_BYTES / 1e6} MB).`);
    else onfile(await content.arrayBuffer(), file.name);
  } catch (error) {
    onfail(`"${file.name}" cannot be read.`);
  }
}

function fileButton(symbol, label, title, accept, onfile, onfail, prepared) {
  const input = h("input", { type: "file", accept, hidden: true, tabindex: "-1", "aria-hidden": "true" });
  input.addEventListener("change", async () => {
    if (input.files[0]) await readFile(input.files[0], onfile, onfail, prepared);
    input.value = "";
  });
  return h("span", { class: "fe-file" }, button(symbol, label, title, () => input.click()), input);
}

// A large photograph, made smaller before it travels; what is small or no image goes as it is.
async function smaller(file) {
  if (file.size < MOST_BYTES / 4) return file;
  try {
    const bitmap = await createImageBitmap(file), scale = Math.min(1, 2048 / Math.max(bitmap.width, bitmap.height));
    const canvas = h("canvas", { width: Math.max(1, Math.round(scale * bitmap.width)),
                                 height: Math.max(1, Math.round(scale * bitmap.height)) });
    canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    return await new Promise(resolve => canvas.toBlob(blob => resolve(blob ?? file), "image/jpeg", 0.95));
  } catch (error) {
    return file;
  }
}

function download(name, blob) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
