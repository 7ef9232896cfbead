// The panel of the chosen part: dice, lock, sliders along its main directions, its place, and faces to copy from.

const THUMB = 64, KINDS = { shape: "Shape", texture: "Texture" };

function makePanel({ ask, onDrag }) {
  const swatch = h("i", { class: "fe-swatch" }), title = h("h3", {}, "");
  const seen = button("seen", "", "Show or hide this part (H)", () => ask({ do: "show" }), { "aria-pressed": "false" });
  const lock = button("open_lock", "", "Lock this part (L)", () => ask({ do: "lock" }), { "aria-pressed": "false" });
  const dice = [
    button("dice", "Surprise me", "Another code for this part (D)", () => ask({ do: "dice" }), { class: "fe-main" }),
    button("", "shape", "Another shape for this part", () => ask({ do: "dice", kind: "shape" })),
    button("", "texture", "Another texture for this part", () => ask({ do: "dice", kind: "texture" })),
  ];
  const atRest = () => { onDrag(false); ask({ do: "look" }); };      // the kernel ends the step and keeps a copy
  const sliders = {}, groups = h("div", { class: "fe-groups" });
  for (const kind of Object.keys(KINDS)) {
    sliders[kind] = [0, 1, 2].map(axis => slider(String(axis + 1), {
      min: -3, max: 3, step: 0.05, format: v => (v > 0 ? "+" : "") + v.toFixed(1), title: `${KINDS[kind]} ${axis + 1}`,
      onmove: (value, stroke) => { onDrag(true); ask({ do: "slide", kind, axis, value, stroke }); },
      onrest: atRest,
    }));
    groups.append(h("fieldset", { class: `fe-${kind}` }, h("legend", {}, KINDS[kind]),
                    ...sliders[kind].map(s => s.root)));
  }
  const place = { dx: 0, dy: 0, zoom: 1 };
  const moved = (key, value, stroke) => { place[key] = value; onDrag(true); ask({ do: "place", ...place, stroke }); };
  const placer = (key, label, title, min, max) => slider(label, {
    min, max, step: 0.02, title, onmove: (value, stroke) => moved(key, value, stroke), onrest: atRest });
  const placing = {
    dx: placer("dx", "across", "Move left or right", -1, 1),
    dy: placer("dy", "down", "Move up or down", -1, 1),
    zoom: placer("zoom", "size", "Size", 0.5, 2),
  };
  const putBack = button("reset", "put back", "Back to its own place",
                         () => ask({ do: "place", dx: 0, dy: 0, zoom: 1 }));
  const where = h("details", { class: "fe-place" }, h("summary", {}, "Place and size"),
                  placing.dx.root, placing.dy.root, placing.zoom.root, putBack);
  const faces = h("div", { class: "fe-faces" });
  const from = h("span", {}, "");
  const others = button("dice", "", "Other faces", () => ask({ do: "gallery", more: true }));
  const gallery = h("section", { class: "fe-gallery" }, h("div", { class: "fe-row" }, from, others), faces);
  const root = h("section", { class: "fe-panel", "aria-label": "The chosen part" },
                 h("header", {}, swatch, title, seen, lock), h("div", { class: "fe-row fe-dice" }, ...dice),
                 groups, where, gallery);
  let shown = null;

  function drawGallery(bytes, n, name) {
    if (bytes === shown) return;
    shown = bytes;
    faces.replaceChildren(...Array.from({ length: n }, (_, i) => {
      const canvas = h("canvas", { width: THUMB, height: THUMB });
      const data = new ImageData(THUMB, THUMB), start = i * THUMB * THUMB * 3;
      for (let p = 0; p < THUMB * THUMB; p++) {
        for (let c = 0; c < 3; c++) data.data[4 * p + c] = bytes[start + 3 * p + c];
        data.data[4 * p + 3] = 255;
      }
      canvas.getContext("2d").putImageData(data, 0, 0);
      return h("button", { type: "button", class: "fe-thumb", "data-face": i,
                           onclick: event => ask({ do: "take", i, kind: event.shiftKey ? "texture" : null }) }, canvas);
    }));
  }

  return {
    root,
    get moving() { return [...sliders.shape, ...sliders.texture, ...Object.values(placing)].some(s => s.moving); },
    update(view, galleryBytes) {
      const part = view.parts[view.part];
      swatch.style.background = `rgb(${part.color})`;
      title.textContent = part.name;
      setIcon(lock, part.locked ? "locked" : "open_lock");
      lock.setAttribute("aria-pressed", String(part.locked));
      lock.title = part.locked ? "Unlock this part (L)" : "Lock this part (L)";
      lock.setAttribute("aria-label", lock.title);
      setIcon(seen, part.hidden ? "unseen" : "seen");
      seen.setAttribute("aria-pressed", String(part.hidden));
      root.classList.toggle("fe-is-locked", part.locked);
      for (const b of [...dice, putBack]) b.disabled = part.locked;
      for (const [kind, list] of Object.entries(sliders)) {
        const axes = view.axes[kind] ?? [];
        list[0].root.parentElement.hidden = !axes.length;
        list.forEach((s, i) => {
          s.root.hidden = !axes[i];
          if (!axes[i]) return;
          s.set(axes[i].value);
          s.input.disabled = part.locked;
          s.root.title = `${Math.round(100 * axes[i].share)} % of what can be said in a straight line about `
            + `the ${part.name}'s ${kind}`;
        });
      }
      if (!Object.values(placing).some(s => s.moving)) Object.assign(place, view.place);
      for (const [key, s] of Object.entries(placing)) { s.set(view.place[key]); s.input.disabled = part.locked; }
      const n = galleryBytes.length / (3 * THUMB * THUMB);
      from.textContent = n ? `Take the ${part.name} of …` : "Faces to copy from";
      drawGallery(galleryBytes, n, part.name);
      faces.querySelectorAll("button").forEach((b, i) => {
        b.title = `Take the ${part.name} of face ${i + 1} (with Shift: its texture alone)`;
        b.setAttribute("aria-label", `Take the ${part.name} of face ${i + 1}`);
        b.disabled = part.locked;
      });
    },
  };
}
