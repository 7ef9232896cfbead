// The face: drawn large and smooth. A click chooses the part under the pointer, a drag moves it, the wheel or two
// fingers make it larger or smaller.

const NEAR = 3;             // pixels of the model's picture within which a small part is meant
const SMALL = 0.015;        // share of the picture up to which a part is small: eyes, eyebrows, mouth, earrings
const DRAG = 4;             // pixels of the screen that the pointer must move before a press becomes a drag
const REST = 1600;          // milliseconds without the pointer until the outline fades
const HELP = "Arrow keys choose a part of the face. D: another version of it. H: hide or show it. L: lock it. "
  + "N: another face. Z: undo. Y: redo. Hold C to see the original. The sliders that follow change the chosen part.";

function makePicture({ onPick, onKey, onPlace, onRest, placeOf }) {
  // Screen readers meet one element, the stage: a region that takes keys itself ("application"). What is drawn inside
  // is an image with a text of its own.
  const face = h("canvas", { class: "fe-face", role: "img" });
  const over = h("canvas", { class: "fe-over", "aria-hidden": "true" });
  const name = h("div", { class: "fe-name", "aria-hidden": "true" });
  const help = h("p", { class: "fe-unseen", id: `fe-help-${Math.random().toString(36).slice(2)}` }, HELP);
  const root = h("div", { class: "fe-stage", tabindex: "0", role: "application", "aria-label": "Face",
                          "aria-describedby": help.id }, face, over, name, help);
  const small = document.createElement("canvas");
  let size = 1, labels = null, parts = [], chosen = 0, lastChosen = -1, hovered = -1, quiet = false;
  let now = null, mark = null, original = null, mode = "now", paths = new Map();

  function image(rgb) {
    const data = new ImageData(size, size);
    for (let i = 0, j = 0; i < rgb.length; i += 3, j += 4) {
      data.data[j] = rgb[i]; data.data[j + 1] = rgb[i + 1]; data.data[j + 2] = rgb[i + 2]; data.data[j + 3] = 255;
    }
    return data;
  }

  function changes() {
    // Where the picture differs from the mark: the rest fades to grey, what changed keeps its colours.
    const mixed = new Uint8Array(now.length);
    for (let i = 0; i < now.length; i += 3) {
      const d = Math.abs(now[i] - mark[i]) + Math.abs(now[i + 1] - mark[i + 1]) + Math.abs(now[i + 2] - mark[i + 2]);
      const keep = Math.min(1, d / 60), grey = 0.5 * 235 + 0.5 * (0.3 * now[i] + 0.6 * now[i + 1] + 0.1 * now[i + 2]);
      for (let c = 0; c < 3; c++) mixed[i + c] = keep * now[i + c] + (1 - keep) * grey;
    }
    return mixed;
  }

  function paint() {
    if (!now || now.length !== 3 * size * size) return;
    const shown = mode === "original" && original ? original : mode === "changes" && mark ? changes() : now;
    small.width = small.height = size;
    small.getContext("2d").putImageData(image(shown), 0, 0);
    const context = face.getContext("2d");
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(small, 0, 0, face.width, face.height);
    outlines();
  }

  function pathOf(part) {
    if (!paths.has(part)) paths.set(part, outline(labels, size, part, over.width / size));
    return paths.get(part);
  }

  function outlines() {
    const context = over.getContext("2d"), unit = over.width / Math.max(1, over.clientWidth || over.width);
    context.clearRect(0, 0, over.width, over.height);
    if (!labels || mode === "original") return;
    const line = (part, width, style, dash = []) => {
      context.lineWidth = width * unit;
      context.strokeStyle = style;
      context.setLineDash(dash.map(d => d * unit));
      context.lineJoin = "round";
      context.stroke(pathOf(part));
    };
    // Dark below, light above: one of the two stands out on any ground, in any colour vision.
    if (!quiet) { line(chosen, 4.5, "rgba(16, 20, 24, .85)"); line(chosen, 1.8, "#fff"); }
    if (hovered >= 0 && hovered !== chosen) {
      line(hovered, 3.5, "rgba(16, 20, 24, .85)");
      line(hovered, 1.6, "#fff", [5, 4]);
    }
  }

  function partAt(event) {
    const box = over.getBoundingClientRect();
    const x = Math.floor((event.clientX - box.left) / box.width * size);
    const y = Math.floor((event.clientY - box.top) / box.height * size);
    if (!labels || x < 0 || y < 0 || x >= size || y >= size) return -1;
    const isSmall = part => part !== undefined && parts[part]?.pixels <= SMALL * size * size;
    let best = labels[y * size + x];
    if (isSmall(best)) return best;
    // Eyes of a few pixels are hard to hit: the nearest small part next to the pointer is meant.
    const reach = Math.max(1, Math.min(NEAR, size / 20));
    let nearest = reach * reach + 0.01;
    for (let v = Math.max(0, Math.ceil(y - reach)); v <= Math.min(size - 1, y + reach); v++) {
      for (let u = Math.max(0, Math.ceil(x - reach)); u <= Math.min(size - 1, x + reach); u++) {
        const other = labels[v * size + u], distance = (u - x) ** 2 + (v - y) ** 2;
        if (isSmall(other) && distance < nearest) { best = other; nearest = distance; }
      }
    }
    return best;
  }

  function hover(part, event) {
    if (part !== hovered) {
      hovered = part;
      name.textContent = part >= 0 ? (parts[part]?.name ?? "") : "";
      name.classList.toggle("fe-on", part >= 0);
      outlines();
    }
    if (part >= 0 && event) {
      const box = root.getBoundingClientRect();
      const right = event.clientX - box.left > box.width - 110;
      name.style.left = `${event.clientX - box.left + (right ? -12 : 14)}px`;
      name.style.top = `${Math.max(4, event.clientY - box.top - 30)}px`;
      name.style.transform = right ? "translateX(-100%)" : "none";
    }
  }

  // --- the outline fades when the pointer rests
  let fading = null;
  function wake() {
    over.classList.remove("fe-rests");
    clearTimeout(fading);
    fading = setTimeout(() => { over.classList.add("fe-rests"); hover(-1); }, REST);
  }

  // --- pressing, dragging, pinching
  // `held` is what the pointer presses on; once it has moved, it is a drag. All values of a drag carry one stroke number,
  // so that it is one step of the history. `fingers` are the pointers of a pinch.
  let held = null;
  const fingers = new Map();
  const apart = () => { const [a, b] = [...fingers.values()]; return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY); };
  const within = (x, low, high) => Math.max(low, Math.min(high, x));
  function place(part, { dx, dy, zoom }, stroke) {
    onPlace({ do: "place", part, dx: within(dx, -2, 2), dy: within(dy, -2, 2), zoom: within(zoom, 0.3, 3), stroke });
  }

  over.addEventListener("pointerdown", event => {
    if (event.button > 0) return;
    fingers.set(event.pointerId, event);
    if (fingers.size === 2 && !parts[chosen]?.locked) {             // a pinch sizes the chosen part
      held = { part: chosen, pinch: apart(), from: placeOf(), stroke: newStroke(), moved: true };
      return;
    }
    const part = partAt(event);
    // A finger that begins beside the chosen part scrolls the page, and the background stays where it is.
    const loose = part > 0 && !parts[part]?.locked && (event.pointerType !== "touch" || part === chosen);
    held = { part, loose, x: event.clientX, y: event.clientY, stroke: newStroke(), moved: false,
             from: part === chosen ? placeOf() : null };
  });
  over.addEventListener("pointermove", event => {
    wake();
    if (fingers.has(event.pointerId)) fingers.set(event.pointerId, event);
    if (held?.pinch && fingers.size === 2) {
      place(held.part, { ...held.from, zoom: held.from.zoom * apart() / held.pinch }, held.stroke);
      return;
    }
    if (!held || !held.loose) { hover(partAt(event), event); return; }
    const right = event.clientX - held.x, down = event.clientY - held.y;
    if (!held.moved && Math.hypot(right, down) < DRAG) return;
    if (!held.moved) { held.moved = true; over.setPointerCapture(event.pointerId); hover(-1); root.classList.add("fe-drags"); }
    // Another part than the chosen one is chosen first; its place comes with the answer.
    if (held.part !== chosen) { if (!held.asked) { held.asked = true; onPick(held.part); } return; }
    held.from ??= placeOf();
    const half = over.clientWidth / 2;
    place(held.part, { dx: held.from.dx + right / half, dy: held.from.dy + down / half, zoom: held.from.zoom }, held.stroke);
  });
  const release = event => {
    fingers.delete(event.pointerId);
    if (!held) return;
    root.classList.remove("fe-drags");
    const { moved, part } = held;
    held = null;
    if (moved) onRest(); else if (event.type === "pointerup" && part >= 0) { onPick(part); root.focus({ preventScroll: true }); }
  };
  over.addEventListener("pointerup", release);
  over.addEventListener("pointercancel", release);
  over.addEventListener("pointerleave", () => { if (!held) hover(-1); });
  over.addEventListener("touchstart", event => {          // on the chosen part, or with two fingers: no scrolling
    const part = partAt(event.touches[0]);
    if (event.touches.length > 1 || (part === chosen && part > 0)) event.preventDefault();
  }, { passive: false });

  // The wheel sizes the chosen part while the pointer is on it, once the picture was clicked; elsewhere it scrolls.
  let wheel = null;
  over.addEventListener("wheel", event => {
    const pinch = event.ctrlKey;                          // so browsers report two fingers on a trackpad
    if (partAt(event) !== chosen || chosen === 0 || parts[chosen]?.locked) return;
    if (!pinch && document.activeElement !== root) return;
    event.preventDefault();
    wheel ??= { stroke: newStroke(), from: placeOf() };
    wheel.from = { ...wheel.from, zoom: within(wheel.from.zoom * Math.exp(-event.deltaY * (pinch ? 0.01 : 0.001)), 0.3, 3) };
    place(chosen, wheel.from, wheel.stroke);
    clearTimeout(wheel.timer);
    wheel.timer = setTimeout(() => { wheel = null; onRest(); }, 400);
    wake();
  }, { passive: false });
  root.addEventListener("keydown", event => { wake(); onKey(event); });
  const resize = () => {
    const width = Math.round(root.clientWidth * (window.devicePixelRatio || 1));
    if (!width || width === face.width) return;
    for (const canvas of [face, over]) canvas.width = canvas.height = width;
    paths.clear();
    paint();
  };
  const watch = new ResizeObserver(resize);
  watch.observe(root);

  return {
    root,
    get moving() { return held?.moved || wheel !== null; },
    get hovered() { return hovered; },
    update(state) {
      ({ size, labels, parts, chosen, now, original } = { ...state });
      if (state.newMark) mark = now.slice();
      face.setAttribute("aria-label", `A face: ${parts.filter(part => part.pixels).map(part => part.name).join(", ")}`);
      root.setAttribute("aria-label", `Face. Chosen part: ${parts[chosen]?.name}`);
      if (chosen !== lastChosen) { lastChosen = chosen; wake(); }
      paths.clear();
      resize();
      paint();
    },
    show(what) { if (mode !== what) { mode = what; paint(); } },
    quiet(value) { if (quiet !== value) { quiet = value; outlines(); } },
    save(file) { small.toBlob(blob => download(file, blob)); },
    stop() { watch.disconnect(); clearTimeout(fading); },
  };
}
