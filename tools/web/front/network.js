// The generator: three graphs in onnxruntime-web and, between them, the fusion. Depths and features of a part are kept
// with its codes and its place, so an edit computes the edited part and the render net, and an undo the render net alone.

const KEPT_PARTS = 4;               // of each part, for undo, previews and comparison
const TINY = 1e-8;                  // as in model/fusion.py

async function makeNetwork(model, graphs) {
  const { parts, layers, style, coarse, size, features: channels } = model;
  const options = { executionProviders: ["wasm"], graphOptimizationLevel: "all" };
  const open = bytes => ort.InferenceSession.create(bytes, options);
  const mapping = await open(graphs.mapping), partGraph = await open(graphs.part), render = await open(graphs.render);
  const cells = coarse * coarse, n = parts.length;
  const transparent = parts.map(part => part.transparent);
  const grid = positions(coarse, 1);
  const known = parts.map(() => []);

  const tensor = (data, shape) => new ort.Tensor("float32", data, shape);

  // The codes w [S] of random numbers z [S].
  async function map(z) {
    const { w } = await mapping.run({ z: tensor(z, [1, style]) });
    return Float32Array.from(w.data);
  }

  // Pseudo-depths [M] and features [O, M] of a part for its codes [L, S] at positions [2, M].
  async function runPart(part, codes, at) {
    const { depth, features } = await partGraph.run({
      part: new ort.Tensor("int64", BigInt64Array.of(BigInt(part)), []),
      codes: tensor(codes, [layers, style]), positions: tensor(at, [2, at.length / 2]) });
    return { depth: depth.data, features: features.data };
  }

  async function partOf(part, codes, place) {
    const same = entry => entry.place.every((x, i) => x === place[i]) && entry.codes.every((x, i) => x === codes[i]);
    const kept = known[part], at = kept.findIndex(same);
    if (at >= 0) kept.unshift(...kept.splice(at, 1));
    else {
      kept.unshift({ codes, place, ...await runPart(part, codes, moved(grid, place)) });
      kept.length = Math.min(kept.length, KEPT_PARTS);
    }
    return kept[0];
  }

  // codes: P times [L, S]; places: P times [dx, dy, zoom]; hidden: part numbers; lifts: part -> what its depth gains.
  async function draw(codes, places, hidden, lifts) {
    const all = [];
    for (let p = 0; p < n; p++) all.push(await partOf(p, codes[p], places[p]));
    const depths = new Float32Array(n * cells), weights = new Float32Array(n * cells), mask = new Float32Array(n * cells);
    all.forEach(({ depth }, p) => {
      const lift = lifts.get(p) ?? 0;
      for (let m = 0; m < cells; m++) depths[p * cells + m] = depth[m] + lift;
    });
    fuse(depths, hidden, weights, mask);
    const features = new Float32Array(channels * cells);
    all.forEach((part, p) => {
      const a = weights.subarray(p * cells, (p + 1) * cells);
      if (!a.some(x => x > 1e-12)) return;
      for (let o = 0, i = 0; o < channels; o++) for (let m = 0; m < cells; m++, i++) features[i] += a[m] * part.features[i];
    });
    const out = await render.run({ features: tensor(features, [1, channels, coarse, coarse]),
                                   coarse_mask: tensor(mask, [1, n, coarse, coarse]) });
    return { image: out.image.data, scores: out.scores.data, depths, ids: winners(out.scores.data, n, size * size) };
  }

  // `fuse` of model/fusion.py: softmax over the parts, those that are hidden left out; solid parts share a total of 1,
  // transparent ones are added with their own weight.
  function fuse(depths, hidden, weights, mask) {
    const e = new Float64Array(n);
    for (let m = 0; m < cells; m++) {
      let most = -Infinity, sum = 0, shown = 0, solid = 0;
      for (let p = 0; p < n; p++) most = Math.max(most, depths[p * cells + m]);
      for (let p = 0; p < n; p++) sum += e[p] = Math.exp(depths[p * cells + m] - most);
      for (let p = 0; p < n; p++) shown += e[p] = hidden.has(p) ? 0 : e[p] / sum;
      for (let p = 0; p < n; p++) {
        if (hidden.size) e[p] /= shown + TINY;
        mask[p * cells + m] = 2 * e[p] - 1;
        if (!transparent[p]) solid += e[p];
      }
      const any = transparent.includes(true);
      for (let p = 0; p < n; p++) weights[p * cells + m] = transparent[p] || !any ? e[p] : e[p] / (solid + TINY);
    }
  }

  return { map, runPart, draw, grid };
}

// The plain positions of every `step`-th row and column: x of all cells, then y. [2, M]
function positions(coarse, step) {
  const line = Array.from({ length: Math.ceil(coarse / step) }, (_, i) => -1 + 2 * i * step / (coarse - 1));
  return Float32Array.from([...line.flatMap(() => line), ...line.flatMap(y => line.map(() => y))]);
}

// The positions that make a part appear elsewhere, and larger: see `move_and_zoom` in model/fourier.py.
function moved(grid, [dx, dy, zoom]) {
  if (!dx && !dy && zoom === 1) return grid;
  const half = grid.length / 2;
  return grid.map((x, i) => (x - (i < half ? dx : dy)) / zoom);
}

// The part with the largest score at every pixel.
function winners(scores, n, pixels) {
  const ids = new Uint8Array(pixels), best = scores.slice(0, pixels);
  for (let p = 1; p < n; p++) {
    for (let i = 0, at = p * pixels; i < pixels; i++, at++) if (scores[at] > best[i]) { best[i] = scores[at]; ids[i] = p; }
  }
  return ids;
}
