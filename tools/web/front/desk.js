// The actions of the editor, on a face that this page computes itself: what ssgan_lite/editor/desk.py is in Python. The
// page asks for them as it asks a kernel, and shows the same fields (ssgan_lite/editor/page.py explains them).

const THROWS = 8, KEPT_SHARE = 0.4, VISIBLE = 0.1;      // as in desk.py
const AXES = 3, SIDE = 3;                               // sliders of a kind; standard deviations to either side
const SHOWN_SIZE = 384, EXPORTED_SIZE = 512;            // pixels; a drag must keep up, a file may take its time
const GALLERY_SIZE = 8, STEP_SIZE = 56, SHOWN_STEPS = 24, KEPT_DRAWINGS = 12;
const WITHOUT = ["own", "open", "face", "share", "picture backdrop"];     // what this editor cannot do: see editor.js

async function makeDesk(model, network) {
  const { parts, size, latents, style } = model, n = parts.length, total = size * size;
  const start = await network.map(normals(style, model.seed)), codes = new Float32Array(latents * style);
  for (let i = 0; i < latents; i++) codes.set(start, i * style);
  const face = makeSession(model, network, codes, model.seed, model.psi);
  const blank = makeSession(model, network, codes, model.seed, model.psi);
  const gallery = makeGallery(model, network, blank, model.seed, GALLERY_SIZE);
  const upscaler = makeUpscaler(size, n, SHOWN_SIZE), drawings = [];
  const labels = new WeakMap(), small = new WeakMap(), fields = { size: upscaler.size, without: WITHOUT };
  let part = Math.max(0, parts.findIndex(one => one.name === "hair")), puts = -1, mark = null, marks = 0;
  let trial = null, said = "", told = "", did = "", stroke = null, files = [], centers = new Map(), shownGallery = null;
  let strip = new Uint8Array(0), stripStates = [];

  // What the chosen part's controls act on in place of codes, if that is the background and a color covers it.
  const cover = () => part === 0 ? face.state.backdrop : null;
  const name = () => capital(parts[part].name);
  const output = () => face.render(trial ?? face.state);
  const count = (ids, which) => { let sum = 0; for (const id of ids) sum += id === which; return sum; };
  const pixels = async () => count((await output()).ids, part);
  async function setMark() { mark = await face.render(); marks++; }

  // --- what is seen
  async function drawing(state) {
    const out = await face.render(state), known = drawings.find(d => d.out === out && d.behind === state.backdrop);
    if (known) return known;
    const made = { out, behind: state.backdrop, picture: bmp(upscaler.picture(out, state.backdrop?.rgb), upscaler.size),
                   labels: runs(upscaler.labels(out)) };
    drawings.unshift(made);
    drawings.length = Math.min(drawings.length, KEPT_DRAWINGS);
    return made;
  }

  // The change of a pixel, as a share of the whole range, inside of the part and elsewhere.
  function meter(before, after) {
    let inside = 0, outside = 0, area = 0;
    for (let i = 0; i < total; i++) {
      let change = 0;
      for (let c = 0; c < 3; c++) change += difference(before, after, c * total + i);
      if (before.ids[i] === part || after.ids[i] === part) { inside += change; area++; } else outside += change;
    }
    return { inside: area ? inside / area / 6 : 0, outside: area < total ? outside / (total - area) / 6 : 0 };
  }

  function visible(before, after) {
    let seen = 0;
    for (let i = 0; i < total; i++) {
      let most = 0;
      for (let c = 0; c < 3; c++) most = Math.max(most, difference(before, after, c * total + i));
      seen += most > VISIBLE;
    }
    return seen >= Math.max(5, 0.001 * total);
  }

  const named = () => model.named.filter(one => one.part === parts[part].name);

  async function center() {
    const [dx, dy, zoom] = face.state.placement.get(part) ?? PLAIN;
    if ((!dx && !dy && zoom === 1) || !centers.has(part)) {
      let x = 0, y = 0, all = 0;
      (await output()).ids.forEach((id, i) => { if (id === part) { x += i % size; y += Math.floor(i / size); all++; } });
      const half = (size - 1) / 2, at = sum => all ? sum / all / half - 1 : 0;
      centers.set(part, [(at(x) - dx) / zoom, (at(y) - dy) / zoom]);
    }
    return centers.get(part);
  }

  async function place() {
    const [dx, dy, zoom] = face.state.placement.get(part) ?? PLAIN;
    if (cover() || !face.state.placement.has(part)) return { dx: 0, dy: 0, zoom: 1 };
    const [x, y] = await center(), round = v => Math.round(1e4 * v) / 1e4;
    return { dx: round(dx - x * (1 - zoom)), dy: round(dy - y * (1 - zoom)), zoom };
  }

  async function steps() {
    const { past, now, future } = face.history, states = [...past, now, ...future.slice().reverse()], at = past.length;
    const first = Math.max(0, Math.min(at - SHOWN_STEPS / 2, states.length - SHOWN_STEPS));
    const here = states.slice(first, first + SHOWN_STEPS);
    if (stroke === null) {
      const shown = states.length > 1 ? here : [];
      if (shown.length !== stripStates.length || shown.some((state, i) => state !== stripStates[i])) {
        const tiles = [];
        for (const state of shown) {
          if (!small.has(state)) small.set(state, resized(toLevels((await face.render(state)).image, total), size, 0, 0, size, STEP_SIZE));
          tiles.push(small.get(state));
        }
        strip = tiles.length ? bmp(beside(tiles, STEP_SIZE), tiles.length * STEP_SIZE, STEP_SIZE) : new Uint8Array(0);
        stripStates = shown;
      }
    }
    return { at: at - first, first, labels: stripStates.map(label) };
  }
  const label = state => labels.get(state) ?? "The face at first";

  async function refresh() {
    const { state, history } = face, out = await output(), now = await drawing(trial ?? state);
    const original = await drawing(history.first), axes = {};
    for (const kind of ["shape", "texture"]) {
      const own = model.axes[part][kind];
      if (own && !cover()) axes[kind] = face.read(own, part, kind).slice(0, AXES).map((value, i) => ({ value, share: own.shares[i], words: own.words[i] }));
    }
    const shownNow = gallery.shown(part), key = `${part}: ${shownNow.map(one => one.codes[0])}`;
    Object.assign(fields, { picture: now.picture, labels: now.labels, original: original.picture });
    if (key !== shownGallery) { shownGallery = key; fields.gallery = gallery.thumbnails(part); }
    const view = {
      resolution: size, part, psi: state.psi, axes, own: null, beside: null, folder: false, movie: false, mark: marks,
      parts: parts.map((one, p) => ({ name: one.name, color: one.color, pixels: count(out.ids, p),
                                      locked: face.locked.has(p), hidden: state.hidden.has(p) })),
      named: cover() ? coverSliders(cover()) : named().map(one => ({ label: one.label, value: face.readNamed(one), low: one.low, high: one.high,
                                   correlation: one.correlation, others: one.parts.filter(other => other !== one.part) })),
      place: await place(), can_undo: history.past.length > 0, can_redo: history.future.length > 0,
      can_reset: state !== history.first, cover: state.backdrop && { kind: "color", mirrored: false }, said, told: told || said,
      meter: meter(mark, out), gallery: { names: gallery.describe(part), wanted: !gallery.done(part) }, steps: await steps(),
    };
    Object.assign(fields, { view, strip });
  }

  // --- actions
  const actions = {
    look() {},
    async select({ part: to }) {
      part = to;
      await setMark();
      told = `${name()} chosen.` + (await pixels() ? "" : " It is not in this picture.");
    },
    async place({ dx, dy, zoom, part: which = part }) {
      if (which !== part) await actions.select({ part: which });
      did = `${name()}: place and size`;
      const [x, y] = await center();              // the session enlarges about the middle of the picture
      face.move(part, dx + x * (1 - zoom), dy + y * (1 - zoom), zoom);
    },
    async dice({ kind }) {
      if (!await pixels() && kind !== "texture") return putOn();
      const before = await output(), least = KEPT_SHARE * await pixels();
      let seen = null;
      await face.history.stroke(async () => {
        for (let i = 0; i < THROWS; i++) {
          if (cover()) face.setBackdrop(thrownBackdrop(face.nextSeed())); else await face.randomize(part, kind);
          if (!visible(before, await output())) continue;
          seen = face.state;
          if (await pixels() >= least) return;
        }
        if (seen) face.history.enter(seen);       // better a part that has shrunk than nothing
      });
      told = `New ${kind ?? "version"} of the ${name().toLowerCase()}.`;
      if (!seen) said = `This model knows no other ${kind ?? "version"} of the ${name().toLowerCase()} that can be seen here.`;
    },
    async new_face() {
      await face.randomize("all");
      await setMark();
      told = face.locked.size ? "Another face; locked parts stay." : "Another face.";
    },
    async psi({ value }) { face.setPsi(value); did = "Variety"; await setMark(); },
    lock() {
      const locked = face.locked.has(part);
      if (locked) face.locked.delete(part); else face.locked.add(part);
      told = `${name()} ${locked ? "unlocked" : "locked"}.`;
    },
    show() {
      face.toggleHidden(part);
      told = `${name()} ${face.state.hidden.has(part) ? "hidden" : "shown"}.`;
    },
    async gallery({ more }) {
      await (more ? gallery.more(part) : gallery.fill(part));
      if (gallery.done(part) && !gallery.shown(part).length) said = `None of the faces that were tried has ${name().toLowerCase()}.`;
    },
    async preview({ i, kind }) {
      const kept = face.history;
      face.history = makeHistory(face.state);
      try { await take(i, kind); trial = face.state; said = ""; } finally { face.history = kept; }
    },
    async take({ i, kind }) {
      await take(i, kind);
      told = `${name()} taken from face ${i + 1}.`;
      if (face.state.lifts.has(part)) said = `The ${name().toLowerCase()} would be hidden on this face, so it was brought forward. Undo takes it back.`;
    },
    async backdrop({ color }) {
      face.setBackdrop(color ? colorBackdrop(color) : null);
      await setMark();
      told = "Background changed.";
    },
    undo() { told = face.history.undo() ? "Undone." : ""; },
    redo() { told = face.history.redo() ? "Done again." : ""; },
    async reset() {
      if (face.state !== face.history.first) { face.history.endStroke(); face.history.enter(face.history.first); }
      await setMark();
      told = "Back to the original face.";
    },
    step({ to }) {
      const { past } = face.history;
      while (past.length > to && face.history.undo());
      while (past.length < to && face.history.redo());
      told = `${label(face.state)}. This is step ${past.length + 1}.`;
    },
    slide({ kind, axis, value }) {
      if (cover()) throw new UserError("Something else is behind the face, with sliders of its own.");
      const words = model.axes[part][kind].words[axis];
      did = words ? `${name()} ${kind}: ${words.join(" to ")}` : `${name()}: ${kind} ${axis + 1}`;
      face.setAxis(model.axes[part][kind], part, kind, axis, Math.max(-2 * SIDE, Math.min(2 * SIDE, value)));
    },
    slide_named({ i, value }) {
      if (cover()) {
        did = `${name()}: ${coverSliders(cover())[i].label}`;
        face.setBackdrop(slidCover(cover(), i, value));
        return;
      }
      const one = named()[i];
      did = `${name()}: ${one.label}`;
      face.setNamed(one, Math.max(one.low, Math.min(one.high, value)));
    },
    async export({ name: wish, small: ownSize }) {
      const stem = (wish.trim() || "face").replace(/^.*[\\/]/, "") || "face", out = await face.render();
      const maker = ownSize ? makeUpscaler(size, n, size) : makeUpscaler(size, n, EXPORTED_SIZE), ids = maker.labels(out);
      const colors = new Uint8Array(3 * ids.length);
      ids.forEach((id, i) => colors.set(parts[id].color, 3 * i));
      files = [[`${stem}.png`, await png(maker.picture(out, face.state.backdrop?.rgb), maker.size)],
               [`${stem}.mask.png`, await png(colors, maker.size)]];
      said = `Here they are: ${files.map(([file]) => file).join(", ")}.`;
    },
  };

  async function take(i, kind) {
    const other = gallery.shown(part)[i];
    if (!other) throw new UserError("There is no such face to take it from.");
    await face.history.stroke(async () => {
      if (cover()) { face.setBackdrop(null); said = "The model's own background is back."; }
      if (face.state.hidden.has(part)) face.toggleHidden(part);
      await face.wear(other, part, kind);
    });
  }

  // A part that this face does not have, from some face that has it.
  async function putOn() {
    while (!gallery.done(part)) await gallery.fill(part);
    const all = gallery.shown(part).length;
    if (!all) throw new UserError(`None of the faces that were tried has ${name().toLowerCase()}.`);
    puts = (puts + 1) % all;
    await actions.take({ i: puts });
  }

  // Do what the page asks for, in order; what cannot be done is said, and the rest is done all the same.
  async function act(wishes) {
    files = [];
    // More faces for the gallery, which the page asks for by itself: a drag goes on, and what was said stays.
    const isBackground = wish => wish.do === "gallery" && !wish.more;
    if (!wishes.every(isBackground)) said = told = "";
    for (const wish of wishes) {
      if (isBackground(wish)) { await actions.gallery(wish); continue; }
      trial = null;
      did = "";
      const its = wish.stroke ?? null;
      if (its === null || its !== stroke) {
        face.history.endStroke();
        if (its !== null) face.history.beginStroke();
      }
      stroke = its;
      const before = face.state;
      try {
        if (!Object.hasOwn(actions, wish.do)) throw new UserError("This editor cannot do that.");
        await actions[wish.do](wish);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        said = error.message;
      }
      const { state, history } = face;
      if (state !== before && !history.future.length && state !== history.first && !labels.has(state)) {
        labels.set(state, did || told.replace(/\.$/, "") || "Changed");
      }
    }
  }

  await setMark();
  await refresh();
  return {
    face, fields, act, refresh,
    takeFiles: () => files.splice(0),
    say(sentence) { fields.view = { ...fields.view, said: sentence, told: sentence }; },
    // The model's picture of codes W+, levels [R, R, 3], and that of a seed.
    async levels(w, psi = 1) { return toLevels((await blank.render({ ...blank.state, codes: w, psi })).image, total); },
    async codesOf(seed) { return blank.codesOf(seed); },
  };
}

const difference = (before, after, i) => Math.abs(clamp(after.image[i], -1, 1) - clamp(before.image[i], -1, 1));

// Pictures [S, S, 3] of one size side by side.
function beside(tiles, size) {
  const row = 3 * size, result = new Uint8Array(row * size * tiles.length);
  tiles.forEach((tile, i) => {
    for (let y = 0; y < size; y++) result.set(tile.subarray(y * row, (y + 1) * row), (y * tiles.length + i) * row);
  });
  return result;
}
