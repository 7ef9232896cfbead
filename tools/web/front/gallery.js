// Faces to take a part from: those that have it, found and drawn a few at a time (ssgan_lite/editor/gallery.py).

const CANDIDATES = 48, ROUNDS = 3, AT_ONCE = 2;     // codes that are looked at together, so many times; faces per request
const COARSER = 2, LEAST = 0.001, CROP = 0.3;       // candidates are looked at on every second row and column
const TRACE = 0.3;

function makeGallery(model, network, blank, seed, count) {
  const { parts, style: S, coarse, size } = model, n = parts.length, total = size * size;
  const faces = [], first = new Map(), searched = new Map(), waiting = new Map();
  let next = 100 * (seed + 1), average = null;
  const pixels = (face, part) => face.area[part];
  // A part that has far fewer pixels than somewhere else is only a trace: whoever took it would get scraps.
  const shown = part => {
    const worth = Math.max(1, LEAST * total, TRACE * Math.max(0, ...faces.map(face => pixels(face, part))));
    return faces.filter(face => pixels(face, part) >= worth).slice(first.get(part) ?? 0).slice(0, count);
  };
  const done = part => shown(part).length === count || (searched.get(part) ?? 0) >= ROUNDS && !waiting.get(part)?.length;

  // Codes whose part would be seen on the model's average face.
  async function promising(part) {
    const codes = [];
    for (let i = 0; i < CANDIDATES; i++) codes.push(await blank.codesOf(next++));
    if (part === 0) return codes;
    const at = positions(coarse, COARSER), cells = at.length / 2;
    if (!average) {
      const own = blank.effective({ ...blank.state, psi: 0 });
      average = [];
      for (let p = 0; p < n; p++) average.push((await network.runPart(p, own[p], at)).depth);
    }
    const others = Float32Array.from({ length: cells }, (_, m) => Math.max(...average.map((depth, p) => p === part ? -Infinity : depth[m])));
    const seen = [];
    for (const w of codes) {
      const { depth } = await network.runPart(part, blank.effective({ ...blank.state, codes: w })[part], at);
      seen.push(depth.reduce((sum, d, m) => sum + (d > others[m]), 0));
    }
    const enough = Math.max(1, TRACE * Math.max(...seen));
    return codes.filter((_, i) => seen[i] >= enough);
  }

  async function drawn(codes) {
    const { image, depths, ids } = await blank.render({ ...blank.state, codes }), area = new Array(n).fill(0);
    for (const id of ids) area[id]++;
    return { codes, depths, ids, area, levels: toLevels(image, total) };
  }

  // A few more faces that have the part, or none if the search has ended.
  async function fill(part) {
    for (let made = 0; made < AT_ONCE && !done(part);) {
      if (!waiting.get(part)?.length) {
        if ((searched.get(part) ?? 0) >= ROUNDS) return;
        searched.set(part, (searched.get(part) ?? 0) + 1);
        waiting.set(part, await promising(part));
        continue;
      }
      faces.push(await drawn(waiting.get(part).shift()));
      made += 1;
    }
  }

  // The part with a little around it: [64, 64, 3].
  function crop(face, part) {
    let x0 = size, x1 = 0, y0 = size, y1 = 0;
    face.ids.forEach((id, i) => {
      if (id !== part) return;
      const x = i % size, y = (i - x) / size;
      x0 = Math.min(x0, x); x1 = Math.max(x1, x + 1); y0 = Math.min(y0, y); y1 = Math.max(y1, y + 1);
    });
    const width = Math.min(size, Math.max(1.3 * Math.max(x1 - x0, y1 - y0), CROP * size));
    const corner = (low, high) => Math.max(0, Math.min(size - width, (low + high) / 2 - width / 2));
    return resized(face.levels, size, corner(x0, x1), corner(y0, y1), width, THUMB);
  }

  // A name for every face, from what can be measured.
  function describe(part) {
    const here = shown(part), median = list => { const s = [...list].sort((a, b) => a - b), m = s.length >> 1; return s.length % 2 ? s[m] : (s[m - 1] + s[m]) / 2; };
    const middle = here.length ? median(here.map(face => pixels(face, part))) : 0;
    return here.map((face, i) => {
      let sum = 0;
      face.ids.forEach((id, k) => { if (id === part) sum += face.levels[3 * k] + face.levels[3 * k + 1] + face.levels[3 * k + 2]; });
      const light = sum / 3 / pixels(face, part), words = [];
      if (part && pixels(face, part) > 1.25 * middle) words.push("large");
      else if (part && pixels(face, part) < 0.8 * middle) words.push("small");
      if (light > 150) words.push("light"); else if (light < 80) words.push("dark");
      return `face ${i + 1}: ${words.join(", ")} ${parts[part].name}`.replace(":  ", ": ");
    });
  }

  return {
    shown, fill, describe, done,
    async more(part) {
      first.set(part, (first.get(part) ?? 0) + shown(part).length);
      searched.delete(part);
      await fill(part);
      if (!shown(part).length) first.set(part, 0);          // there are no others: begin again
    },
    thumbnails: part => joined(shown(part).map(face => crop(face, part))),
  };
}

// A square of a picture [R, R, 3] at another size, [to, to, 3]: the mean where it gets smaller, else interpolated.
function resized(levels, R, x0, y0, width, to) {
  const result = new Uint8Array(3 * to * to), step = width / to, spread = Math.max(1, step);
  const taps = (from, i) => {
    const at = from + (i + 0.5) * step - 0.5, found = [];
    for (let k = Math.ceil(at - spread); k <= Math.floor(at + spread); k++) {
      const weight = 1 - Math.abs(k - at) / spread;
      if (weight > 0) found.push([Math.max(0, Math.min(R - 1, k)), weight]);
    }
    const sum = found.reduce((total, [, weight]) => total + weight, 0);
    return found.map(([k, weight]) => [k, weight / sum]);
  };
  const columns = Array.from({ length: to }, (_, i) => taps(x0, i));
  for (let y = 0; y < to; y++) {
    const rows = taps(y0, y);
    for (let x = 0; x < to; x++) {
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (const [v, a] of rows) for (const [u, b] of columns[x]) sum += a * b * levels[3 * (v * R + u) + c];
        result[3 * (y * to + x) + c] = Math.round(sum);
      }
    }
  }
  return result;
}

function joined(arrays) {
  const result = new Uint8Array(arrays.reduce((sum, array) => sum + array.length, 0));
  let at = 0;
  for (const array of arrays) { result.set(array, at); at += array.length; }
  return result;
}
