// The face: drawn large and smooth. A click chooses the part under the pointer, a drag moves it, the wheel or two
// fingers make it larger or smaller.

const NEAR = 3;             // pixels of the model's picture within which a small part is meant
const SMALL = 0.015;        // share of the picture up to which a part is small: eyes, eyebrows, mouth, earrings
const DRAG = 4;             // pixels of the screen that the pointer must move before a press becomes a drag
const NOISE = 12;           // sum over three channels of 255: what compression alone makes two pictures differ
const REST = 1600;          // milliseconds without the pointer until the outline fades
const HELP = "Arrow keys choose a part of the face. D: another version of it. H: hide or show it. L: lock it. "
  + "N: another face. Z: undo. Y: redo. Hold C to see the original. V: a divider between before and after. The sliders that follow change the chosen part.";

function makePicture({ onPick, onKey, onPlace, onRest, onSwipe, placeOf }) {
  // Screen readers meet one element, the stage: a region that takes keys itself ("application"). What is drawn inside
  // is an image with a text of its own.
  const face = h("canvas", { class: "fe-face", role: "img" });
  const over = h("canvas", { class: "fe-over", "aria-hidden": "true" });
  const name = h("div", { class: "fe-name", "aria-hidden": "true" });
  const help = h("p", { class: "fe-unseen", id: `fe-help-${Math.random().toString(36).slice(2)}` }, HELP);
  const root = h("div", { class: "fe-stage", tabindex: "0", role: "application", "aria-label": "Face",
                          "aria-describedby": help.id }, face, over, name, help);
  const now = makeSheet(), mark = makeSheet(), original = makeSheet(), changed = makeSheet();
  let size = 1, scale = 1, labels = null, parts = [], chosen = 0, lastChosen = -1, hovered = -1, quiet = false;
  let mode = "now", paths = new Map(), turn = 0, markDue = false, changesKnown = false;
  const divider = makeDivider(share => { paint(); onSwipe(share); });
  root.append(divider.root);

  function changes() {
    // Where the picture differs from the mark: the rest fades to grey, what changed keeps its colours.
    if (changesKnown) return changed;
    const a = now.pixels(), b = mark.pixels().data, d = a.data;
    for (let i = 0; i < d.length; i += 4) {
      const differs = Math.abs(d[i] - b[i]) + Math.abs(d[i + 1] - b[i + 1]) + Math.abs(d[i + 2] - b[i + 2]);
      const keep = Math.max(0, Math.min(1, (differs - NOISE) / 60));
      const grey = 0.5 * 235 + 0.5 * (0.3 * d[i] + 0.6 * d[i + 1] + 0.1 * d[i + 2]);
      for (let c = 0; c < 3; c++) d[i + c] = keep * d[i + c] + (1 - keep) * grey;
    }
    changed.copy(now);
    changed.canvas.getContext("2d").putImageData(a, 0, 0);
    changesKnown = true;
    return changed;
  }

  function paint() {
    if (!now.filled) return;
    const shown = mode === "original" ? original : mode === "changes" && mark.filled ? changes() : now;
    drawSplit(face, shown, original, mode === "original" ? 0 : divider.share);
    outlines();
  }

  function pathOf(part) {
    if (!paths.has(part)) paths.set(part, outline(labels, size, part, over.width / size));
    return paths.get(part);
  }

  function outlines() {
    const context = over.getContext("2d"), unit = over.width / Math.max(1, over.clientWidth || over.width);
    context.clearRect(0, 0, over.width, over.height);
    if (!labels || mode === "original" || !divider.root.hidden) return;
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
    const isSmall = part => part !== undefined && parts[part]?.pixels <= SMALL * (size / scale) ** 2;
    let best = labels[y * size + x];
    if (isSmall(best)) return best;
    // Eyes of a few pixels are hard to hit: the nearest small part next to the pointer is meant.
    const reach = scale * Math.max(1, Math.min(NEAR, size / scale / 20));
    let nearest = reach * reach + 0.01;
    for (let v = Math.max(0, Math.ceil(y - reach)); v <= Math.min(size - 1, y + reach); v += 2) {
      for (let u = Math.max(0, Math.ceil(x - reach)); u <= Math.min(size - 1, x + reach); u += 2) {
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

  const release = event => {
    fingers.delete(event.pointerId);
    if (!held) return;
    root.classList.remove("fe-drags");
    const { moved, part } = held;
    held = null;
    if (moved) onRest(); else if (event.type === "pointerup" && part >= 0) { onPick(part); root.focus({ preventScroll: true }); }
  };
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
    if (held && !event.buttons) release(event);        // it was let go beside the picture, which is not told
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
    if (wheel?.rests) wheel = { stroke: newStroke(), from: wheel.from };       // the answer may still be on its way
    wheel ??= { stroke: newStroke(), from: placeOf() };
    wheel.from = { ...wheel.from, zoom: within(wheel.from.zoom * Math.exp(-event.deltaY * (pinch ? 0.01 : 0.001)), 0.3, 3) };
    place(chosen, wheel.from, wheel.stroke);
    clearTimeout(wheel.timer);
    wheel.timer = setTimeout(() => { wheel.rests = true; onRest(); }, 400);
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
    get moving() { return held?.moved || wheel !== null && !wheel.rests; },
    get hovered() { return hovered; },
    // Pictures are files that are decoded first; of several that come quickly only the last is drawn.
    async update(state) {
      const mine = ++turn;
      if (wheel?.rests) wheel = null;
      markDue ||= state.newMark;
      await Promise.all([now.set(state.now), original.set(state.original)]);
      if (mine !== turn) return;
      ({ size, labels, parts, chosen } = state);
      scale = size / state.resolution;
      changesKnown = false;
      if (markDue) { mark.copy(now); markDue = false; }
      face.setAttribute("aria-label", `A face: ${parts.filter(part => part.pixels).map(part => part.name).join(", ")}`);
      root.setAttribute("aria-label", `Face. Chosen part: ${parts[chosen]?.name}`);
      if (chosen !== lastChosen) { lastChosen = chosen; wake(); }
      paths.clear();
      resize();
      paint();
    },
    show(what) { if (mode !== what) { mode = what; paint(); } },
    quiet(value) { if (quiet !== value) { quiet = value; outlines(); } },
    swipe(on) { divider.show(on); paint(); },
    save(file) { now.canvas.toBlob(blob => download(file, blob)); },
    stop() { watch.disconnect(); clearTimeout(fading); },
  };
}
