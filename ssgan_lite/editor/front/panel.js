// The panel of the chosen part: dice, lock, sliders along its main directions, its place, and faces to copy from.

const THUMB = 64, KINDS = { shape: "Shape", texture: "Texture" };

function makePanel({ ask, onDrag }) {
  const swatch = h("i", { class: "fe-swatch" }), title = h("h3", {}, "");
  const seen = button("seen", "", "Hide this part (H)", () => ask({ do: "show" }), { "aria-pressed": "false" });
  const lock = button("open_lock", "", "Lock this part (L)", () => ask({ do: "lock" }), { "aria-pressed": "false" });
  const surprise = button("dice", "Surprise me", "Another version of this part (D)", () => ask({ do: "dice" }),
                          { class: "fe-main" });
  const dice = Object.fromEntries(Object.keys(KINDS).map(kind => [kind, button(
    "", kind, `Another ${kind} for this part`, () => ask({ do: "dice", kind }))]));
  const atRest = () => { onDrag(false); ask({ do: "look" }); };      // the kernel ends the step and keeps a copy
  const sliders = {}, groups = h("div", { class: "fe-groups" });
  for (const kind of Object.keys(KINDS)) {
    sliders[kind] = [0, 1, 2].map(axis => slider(String(axis + 1), {
      min: -3, max: 3, step: 0.05, format: v => (v > 0 ? "+" : "") + v.toFixed(1),
      onmove: (value, stroke) => { onDrag(true); ask({ do: "slide", kind, axis, value, stroke }); },
      onrest: atRest,
    }));
    groups.append(h("fieldset", { class: `fe-${kind}` }, h("legend", {}, KINDS[kind]),
                    ...sliders[kind].map(s => s.root)));
  }
  // What has a name comes first, and the axes without a name under "More".
  let wantsMore = false;                     // kept from part to part; where nothing has a name, all is shown
  const more = h("details", { class: "fe-more" },
                 h("summary", { onclick: () => { wantsMore = !more.open; } }, "More"), groups);
  const namedGroup = h("fieldset", { class: "fe-named" }, h("legend", { class: "fe-unseen" }, "Named"));
  let named = [], namedFor = null;
  function drawNamed(part, entries) {
    const key = JSON.stringify([part, entries.map(e => e.label)]);
    if (key === namedFor) return;
    namedFor = key;
    named.forEach(s => s.root.remove());
    named = entries.map((entry, i) => slider(entry.label, {
      min: entry.low, max: entry.high, step: entry.step ?? 0.05,
      format: v => (v > 0 && entry.low < 0 ? "+" : "") + (entry.unit ? v + entry.unit : v.toFixed(1)),
      onmove: (value, stroke) => { onDrag(true); ask({ do: "slide_named", i, value, stroke }); },
      onrest: atRest,
    }));
    namedGroup.append(...named.map(s => s.root));
    more.open = wantsMore || !entries.length;
  }
  const place = { dx: 0, dy: 0, zoom: 1 };
  const moved = (key, value, stroke) => { place[key] = value; onDrag(true); ask({ do: "place", ...place, stroke }); };
  const placer = (key, label, min, max) => slider(label, {
    min, max, step: 0.02, onmove: (value, stroke) => moved(key, value, stroke), onrest: atRest });
  const placing = { dx: placer("dx", "across", -1, 1), dy: placer("dy", "down", -1, 1),
                    zoom: placer("zoom", "size", 0.5, 2) };
  const PLACES = { dx: "left or right", dy: "up or down", zoom: "size" };
  const putBack = button("reset", "put back", "Back to its own place",
                         () => ask({ do: "place", dx: 0, dy: 0, zoom: 1 }));
  const mirror = button("", "mirrored", "Left and right exchanged", () => ask({ do: "mirror" }), { "aria-pressed": "false" });
  const where = h("details", { class: "fe-place" }, h("summary", {}, "Place and size"),
                  placing.dx.root, placing.dy.root, placing.zoom.root, h("div", { class: "fe-row" }, putBack, mirror));
  // Where a color or a picture of the user's covers the model's background.
  const cover = h("p", { class: "fe-absent-note" }), uncover = button(
    "", "the model's own", "Take it away: the background that the model makes comes back", () => ask({ do: "backdrop", color: null }));
  const absent = h("p", { class: "fe-absent-note" });
  const faces = h("div", { class: "fe-faces" });
  const from = h("span", {}, "");
  const others = button("dice", "", "Other faces", () => ask({ do: "gallery", more: true }));
  const gallery = h("section", { class: "fe-gallery", "aria-label": "Faces to take the part from" },
                    h("div", { class: "fe-row" }, from, others), faces);
  const root = h("section", { class: "fe-panel", "aria-label": "The chosen part" },
                 h("header", {}, swatch, title, seen, lock), absent, cover,
                 h("div", { class: "fe-row fe-dice" }, surprise, ...Object.values(dice), uncover), namedGroup, more, where, gallery);
  let shown = null, waiting = null, tried = false, over = null;

  // A picture of the gallery is tried on while the pointer is on it, and put on by a click. The pointer has to move: a
  // picture that appears below a resting one is not meant.
  function tryOn(i, kind) {
    clearTimeout(waiting);
    waiting = setTimeout(() => { tried = true; ask({ do: "preview", i, kind }); }, 120);
  }
  function takeOff() {
    over = null;
    clearTimeout(waiting);
    if (tried) { tried = false; ask({ do: "look" }); }
  }

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
      const thumb = h("button", { type: "button", class: "fe-thumb", "data-face": i, onclick: event => {
        clearTimeout(waiting);
        tried = false;
        ask({ do: "take", i, kind: event.shiftKey ? "texture" : null });
      } }, canvas);
      thumb.addEventListener("pointermove", event => {
        if (event.pointerType !== "mouse" || over === thumb) return;
        over = thumb;
        tryOn(i, null);
      });
      thumb.addEventListener("pointerleave", takeOff);
      return thumb;
    }));
  }

  return {
    root,
    get moving() { return [...named, ...sliders.shape, ...sliders.texture, ...Object.values(placing)].some(s => s.moving); },
    update(view, galleryBytes) {
      const part = view.parts[view.part], here = part.pixels > 0;
      swatch.style.background = `rgb(${part.color})`;
      title.textContent = part.name;
      for (const [element, on, symbols, titles] of [
        [lock, part.locked, ["open_lock", "locked"], ["Lock this part (L)", "Unlock this part (L)"]],
        [seen, part.hidden, ["seen", "unseen"], ["Hide this part (H)", "Show this part (H)"]]]) {
        setIcon(element, symbols[+on]);
        element.setAttribute("aria-pressed", String(on));
        element.title = titles[+on];
        element.setAttribute("aria-label", titles[+on]);
      }
      root.classList.toggle("fe-is-locked", part.locked);
      // What would change nothing that can be seen is not offered: of a part that is not there, only ways to get it.
      absent.hidden = here;
      absent.textContent = part.hidden ? `The ${part.name} is hidden.` : `This face shows no ${part.name}.`;
      surprise.hidden = part.hidden;
      surprise.querySelector("span").textContent = here ? "Surprise me" : "Put one on";
      surprise.setAttribute("aria-label", here ? "Surprise me" : "Put one on");
      surprise.title = here ? "Another version of this part (D)" : `Give this face the ${part.name} of another one (D)`;
      where.hidden = !here && !(view.place.dx || view.place.dy || view.place.zoom !== 1);
      const covered = view.part === 0 && here ? view.cover : null;
      cover.hidden = uncover.hidden = !covered;
      mirror.hidden = covered?.kind !== "picture";
      if (covered) {
        const what = covered.kind === "color" ? "A color" : "Your picture";
        cover.textContent = `${what} is behind the face. Dice and sliders change it.`;
        surprise.title = covered.kind === "color" ? "Another color (D)" : "Another place and size for it (D)";
        mirror.setAttribute("aria-pressed", String(covered.mirrored));
        where.hidden = covered.kind === "color";
      }
      for (const b of [surprise, ...Object.values(dice), putBack, mirror, uncover]) b.disabled = part.locked;
      const entries = here ? view.named : [];
      drawNamed(part.name, entries);
      namedGroup.hidden = !entries.length;
      more.classList.toggle("fe-bare", !entries.length);
      more.hidden = !here || !Object.keys(view.axes).length;
      entries.forEach((entry, i) => {
        named[i].name(`${part.name}: ${entry.label}`);
        named[i].set(entry.value);
        named[i].input.disabled = part.locked || Boolean(entry.idle);
        named[i].root.title = "unit" in entry ? entry.idle : (entry.others.length > 6 ? "Moves the whole head. "
          : entry.others.length ? `Moves ${[part.name, ...entry.others].join(", ")}. ` : "")
          + `The judge saw it on faces: correlation ${entry.correlation.toFixed(2)}`;
      });
      for (const [kind, list] of Object.entries(sliders)) {
        const axes = here ? view.axes[kind] ?? [] : [];
        dice[kind].hidden = !axes.length;
        list[0].root.parentElement.hidden = axes.every(axis => axis.dead);
        list.forEach((s, i) => {
          s.root.hidden = !axes[i] || axes[i].dead;
          if (!axes[i]) return;
          const { words, share, value } = axes[i];
          s.ends(words);
          s.name(words ? `${part.name} ${kind}: ${words.join(" to ")}` : `${part.name}: ${kind} ${i + 1}`);
          s.set(value);
          s.input.disabled = part.locked;
          s.root.title = `${Math.round(100 * share)} % of what can be said in a straight line about the ${part.name}'s ${kind}. `
            + (words ? "The words were found by measuring" : view.unnamed ?? "Nothing was found that it changes on all faces");
        });
      }
      if (!Object.values(placing).some(s => s.moving)) Object.assign(place, view.place);
      for (const [key, s] of Object.entries(placing)) {
        s.name(`${part.name}: ${PLACES[key]}`);
        s.set(view.place[key]);
        s.input.disabled = part.locked;
      }
      const names = view.gallery.names;
      from.textContent = `Take the ${part.name} of …`;
      others.setAttribute("aria-label", `Other faces to take the ${part.name} of`);
      drawGallery(galleryBytes, names.length, part.name);
      faces.querySelectorAll("button").forEach((b, i) => {
        b.title = `${names[i]} (click to take it; with Shift: its texture alone)`;
        b.setAttribute("aria-label", `Take from ${names[i]}`);
        b.disabled = part.locked;
      });
    },
  };
}
