// A face and its edits: what ssgan_lite/edit/session.py is in Python, for one face. A state is never changed, only
// replaced; that is what makes undo exact.

const BASE = -1;                    // in `partPsi`: the base codes, which all foreground parts share
const LIFT_MARGIN = 0.5;            // in units of pseudo-depths
const KEPT_OUTPUTS = 12;            // pictures at hand for undo, previews and comparison
const PLAIN = [0, 0, 1];            // a place: moved by nothing, enlarged by nothing

class UserError extends Error {}

const capital = text => text[0].toUpperCase() + text.slice(1);

// Undo and redo: see ssgan_lite/edit/history.py. All that is entered during a stroke is one step.
function makeHistory(first) {
  let inStroke = false, begun = false;
  const past = [], future = [];
  const history = {
    now: first, first, past, future,
    enter(state) {
      if (!(inStroke && begun)) past.push(history.now);
      begun = true;
      future.length = 0;
      history.now = state;
    },
    beginStroke() { inStroke = true; begun = false; },
    endStroke() { inStroke = begun = false; },
    async stroke(work) {
      if (inStroke) return work();
      history.beginStroke();
      try { return await work(); } finally { history.endStroke(); }
    },
    undo() {
      history.endStroke();
      if (!past.length) return false;
      future.push(history.now);
      history.now = past.pop();
      return true;
    },
    redo() {
      history.endStroke();
      if (!future.length) return false;
      past.push(history.now);
      history.now = future.pop();
      return true;
    },
  };
  return history;
}

function makeSession(model, network, codes, seed, psi) {
  const { parts, style: S, baseLayers, expansion, layers, meanW } = model, n = parts.length;
  const kept = [];                                    // [state, output], the newest first
  const shape = part => baseLayers + 2 * part;        // place of a part's shape code in W+; its texture code follows
  let draws = 0;

  // The codes as the generator uses them, every part truncated by its own psi: P times [L, S].
  function effective(state) {
    const psiOf = address => {
      const part = address < baseLayers ? BASE : (address - baseLayers) >> 1;
      return state.partPsi.get(part) ?? state.psi;
    };
    return parts.map((_, part) => {
      const own = new Float32Array(layers * S);
      for (let layer = 0; layer < layers; layer++) {
        const address = expansion[part * layers + layer], amount = psiOf(address);
        for (let s = 0; s < S; s++) {
          const w = state.codes[address * S + s];
          own[layer * S + s] = amount === 1 ? w : meanW[s] + amount * (w - meanW[s]);
        }
      }
      return own;
    });
  }

  const same = (a, b) => a.codes === b.codes && a.psi === b.psi && ["partPsi", "hidden", "placement", "lifts"].every(
    key => a[key] === b[key]);                        // these are replaced as a whole when they change

  async function render(state = face.state) {
    const at = kept.findIndex(([one]) => same(one, state));
    if (at >= 0) kept.unshift(...kept.splice(at, 1));
    else {
      const places = parts.map((_, part) => state.placement.get(part) ?? PLAIN);
      kept.unshift([state, await network.draw(effective(state), places, state.hidden, state.lifts)]);
      kept.length = Math.min(kept.length, KEPT_OUTPUTS);
    }
    return kept[0][1];
  }

  // W+ [n_latent, S] of a seed.
  async function codesOf(number) {
    const w = await network.map(normals(S, number)), all = new Float32Array(model.latents * S);
    for (let i = 0; i < model.latents; i++) all.set(w, i * S);
    return all;
  }

  const free = part => {
    if (face.locked.has(part)) throw new UserError(`${capital(parts[part].name)} is locked. Unlock it first, or change another part.`);
    return part;
  };
  const lockedForeground = () => [...face.locked].some(part => part > 0);

  // Where in W+ the codes of a part, or of all that is free, are.
  function addresses(part, kind) {
    if (part !== "all") return (kind ? [kind] : ["shape", "texture"]).map(k => shape(free(part)) + (k === "texture"));
    const all = lockedForeground() ? [] : Array.from({ length: baseLayers }, (_, i) => i);
    for (let p = 0; p < n; p++) if (!face.locked.has(p)) all.push(shape(p), shape(p) + 1);
    return all;
  }

  function change(changes) { face.history.enter({ ...face.state, ...changes }); }

  function takeCodes(source, part, kind) {
    const next = face.state.codes.slice();
    for (const address of addresses(part, kind)) next.set(source.subarray(address * S, (address + 1) * S), address * S);
    change({ codes: next });
  }

  const without = (map, part, value, plain) => {
    const next = new Map(map);
    if (plain) next.delete(part); else next.set(part, value);
    return next;
  };

  const face = {
    model, locked: new Set(), seed, render, codesOf, effective, shape,
    history: makeHistory({ codes, psi, partPsi: new Map(), hidden: new Set(), placement: new Map(), lifts: new Map(), backdrop: null }),
    get state() { return face.history.now; },
    nextSeed() { draws++; return 1000003n * (BigInt(seed) + 1n) + BigInt(draws); },
    async randomize(part, kind) {
      addresses(part, kind);                          // raises before a draw is counted
      takeCodes(await codesOf(face.nextSeed()), part, kind);
    },
    setPsi(value) {
      const held = lockedForeground() ? [...face.locked, BASE] : [...face.locked];
      const partPsi = new Map(face.state.partPsi);
      for (const p of held) partPsi.set(p, partPsi.get(p) ?? face.state.psi);
      change({ psi: value, partPsi });
    },
    toggleHidden(part) {
      const hidden = new Set(face.state.hidden);
      if (!hidden.delete(part)) hidden.add(part);
      if (hidden.size === n) throw new UserError("At least one part must be shown.");
      change({ hidden });
    },
    move(part, dx, dy, zoom) {
      const place = [dx, dy, zoom];
      change({ placement: without(face.state.placement, free(part), place, place.every((x, i) => x === PLAIN[i])) });
    },
    lift(part, amount) { change({ lifts: without(face.state.lifts, free(part), amount, !amount) }); },
    // Take a part of another face and bring it forward until it is seen where it is seen there.
    async wear(other, part, kind) {
      free(part);
      await face.history.stroke(async () => {
        face.lift(part, 0);
        takeCodes(other.codes, part, kind);
        if (part > 0 && kind !== "texture") {
          face.lift(part, liftToBeSeen((await render()).depths, other.depths, part, face.state.hidden, n));
        }
      });
    },
    setBackdrop(backdrop) { free(0); change({ backdrop }); },
    // Coordinates of the chosen code on axes, in standard deviations: see PartAxes in directions/ganspace.py.
    read(axes, part, kind) {
      const at = (shape(part) + (kind === "texture")) * S, { codes: w } = face.state;
      return axes.readers.map(reader => { let t = 0; for (let s = 0; s < S; s++) t += (w[at + s] - model.axesMean[s]) * reader[s]; return t; });
    },
    setAxis(axes, part, kind, axis, value) {
      const step = value - face.read(axes, part, kind)[axis], next = face.state.codes.slice();
      const [address] = addresses(part, kind);
      for (let s = 0; s < S; s++) next[address * S + s] += step * axes.directions[axis][s];
      change({ codes: next });
    },
    // Of a named direction: see LinearDirection in directions/direction.py.
    readNamed({ addresses: at, reader }) {
      const { codes: w } = face.state, rows = reader.length / S;
      let t = 0;
      at.forEach((address, k) => {
        const row = rows === 1 ? 0 : k * S;
        for (let s = 0; s < S; s++) t += (w[address * S + s] - model.namedMean[s]) * reader[row + s];
      });
      return rows === at.length ? t : t / at.length;
    },
    setNamed(direction, value) {
      direction.parts.forEach(free);
      const step = value - face.readNamed(direction), next = face.state.codes.slice(), rows = direction.vector.length / S;
      direction.addresses.forEach((address, k) => {
        const row = rows === 1 ? 0 : k * S;
        for (let s = 0; s < S; s++) next[address * S + s] += step * direction.vector[row + s];
      });
      change({ codes: next });
    },
  };
  return face;
}

// What to add to a part's depths so that it is seen where `theirs` shows it: `lift_to_be_seen` in edit/session.py.
function liftToBeSeen(depths, theirs, part, hidden, n) {
  const cells = depths.length / n, worn = winners(theirs, n, cells).map(id => id === part);
  const behind = Float32Array.from({ length: cells }, (_, m) => {
    let most = -Infinity;
    for (let p = 0; p < n; p++) if (p !== part && !hidden.has(p)) most = Math.max(most, depths[p * cells + m]);
    return most - depths[part * cells + m];
  });
  const there = behind.filter((_, m) => worn[m]).sort();
  if (!there.length || there.filter(x => x < 0).length / there.length >= 0.8) return 0;
  let best = 0, overlap = -1;
  for (let k = 0; k < 10; k++) {
    const lift = Math.max(0, there[Math.ceil((0.5 + 0.05 * k) * (there.length - 1) - 1e-9)]) + LIFT_MARGIN;
    let both = 0, any = 0;
    for (let m = 0; m < cells; m++) { const seen = behind[m] < lift; both += seen && worn[m]; any += seen || worn[m]; }
    if (both / any > overlap) { overlap = both / any; best = lift; }
  }
  return best;
}
