// The face: drawn large and smooth, its parts outlined under the pointer and chosen by a click.

function makePicture({ onPick, onKey }) {
  const face = h("canvas", { class: "fe-face", tabindex: "0", role: "img" });
  const over = h("canvas", { class: "fe-over", "aria-hidden": "true" });
  const name = h("div", { class: "fe-name", "aria-hidden": "true" });
  const root = h("div", { class: "fe-stage" }, face, over, name);
  const small = document.createElement("canvas");
  let size = 1, labels = null, parts = [], chosen = 0, hovered = -1, quiet = false;
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
    let best = labels[y * size + x];
    // Eyes of a few pixels are hard to hit: a small part next to the pointer is meant.
    const near = Math.max(1, Math.round(size / 64));
    for (let v = Math.max(0, y - near); v <= Math.min(size - 1, y + near); v++) {
      for (let u = Math.max(0, x - near); u <= Math.min(size - 1, x + near); u++) {
        const other = labels[v * size + u], count = parts[other]?.pixels ?? 0;
        if (count < 0.004 * size * size && count < (parts[best]?.pixels ?? 0)) best = other;
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

  over.addEventListener("pointermove", event => hover(partAt(event), event));
  over.addEventListener("pointerleave", () => hover(-1));
  over.addEventListener("click", event => { const part = partAt(event); if (part >= 0) onPick(part); });
  face.addEventListener("keydown", onKey);
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
    root, face,
    get hovered() { return hovered; },
    update(state) {
      ({ size, labels, parts, chosen, now, original } = { ...state });
      if (state.newMark) mark = now.slice();
      face.setAttribute("aria-label", `The face. Chosen part: ${parts[chosen]?.name}. Arrow keys choose another.`);
      paths.clear();
      resize();
      paint();
    },
    show(what) { if (mode !== what) { mode = what; paint(); } },
    quiet(value) { if (quiet !== value) { quiet = value; outlines(); } },
    save(file) { small.toBlob(blob => download(file, blob)); },
    stop() { watch.disconnect(); },
  };
}
