// The upscaler of ssgan_lite/edit/upscale.py, number for number: every part is enlarged by itself, and where it ends is
// decided at display size by the enlarged mask scores. That module says why; names and constants are the same here.

const SOFTNESS = 0.8, SHARP = 6, SAME = 0.12, OTHER = 0.45, SMALL_SHARE = 0.025, REACH = 3;

const clamp = (x, low, high) => x < low ? low : x > high ? high : x;

function makeUpscaler(resolution, n, size) {
  const R = resolution, S = Math.max(size, resolution), total = R * R;
  const cubic = t => { t = Math.abs(t); return t < 1 ? 1.5 * t ** 3 - 2.5 * t * t + 1 : t < 2 ? -0.5 * t ** 3 + 2.5 * t * t - 4 * t + 2 : 0; };
  const smooth = taps(cubic, -1, 2), soft = taps(t => Math.exp(-t * t / (2 * SOFTNESS ** 2)), -2, 3);

  // For each of S positions: which of R numbers count, and how much.
  function taps(kernel, low, high) {
    const count = high - low + 1, index = new Int32Array(S * count), weight = new Float32Array(S * count);
    for (let i = 0; i < S; i++) {
      const at = (i + 0.5) * R / S - 0.5, all = [];
      let sum = 0;
      for (let step = -2; step <= 3; step++) sum += kernel(at - Math.floor(at) - step);
      for (let k = 0; k < count; k++) {
        const step = low + k;
        index[i * count + k] = Math.max(0, Math.min(R - 1, Math.floor(at) + step));
        weight[i * count + k] = kernel(at - Math.floor(at) - step) / sum;
      }
    }
    return { count, index, weight };
  }

  const cell = Int32Array.from({ length: S }, (_, i) => Math.max(0, Math.floor((i + 0.5) * R / S - 0.5)));
  const tall = Array.from({ length: 4 }, () => new Float32Array(S * R));       // enlarged downwards only

  // A map [R, R], enlarged downwards within the window: [S, R].
  function down(map, { count, index, weight }, { top, bottom, left, right }, into) {
    for (let y = top; y < bottom; y++) {
      const row = y * R;
      into.fill(0, row + Math.max(0, left - 3), row + Math.min(R, right + 3));
      for (let k = 0; k < count; k++) {
        const w = weight[y * count + k], from = index[y * count + k] * R;
        for (let x = left; x < right; x++) into[row + x] += w * map[from + x];
      }
    }
  }

  // (rows and columns around a region), and the same at display size.
  function windowOf(inside) {
    let r0 = R, r1 = -1, c0 = R, c1 = -1;
    for (let y = 0, i = 0; y < R; y++) {
      for (let x = 0; x < R; x++, i++) if (inside[i]) { r0 = Math.min(r0, y); r1 = y; c0 = Math.min(c0, x); c1 = Math.max(c1, x); }
    }
    if (r1 < 0) return null;
    r0 = Math.max(0, r0 - REACH); c0 = Math.max(0, c0 - REACH);
    r1 = Math.min(R, r1 + 1 + REACH); c1 = Math.min(R, c1 + 1 + REACH);
    return { r0, r1, left: c0, right: c1, top: Math.floor(r0 * S / R), bottom: Math.ceil(r1 * S / R),
             x0: Math.floor(c0 * S / R), x1: Math.ceil(c1 * S / R) };
  }

  // A copy that is zero outside of the rows and columns of a window.
  function cut(map, { r0, r1, left, right }) {
    const copy = new Float32Array(total);
    for (let y = r0; y < r1; y++) for (let x = left; x < right; x++) copy[y * R + x] = map[y * R + x];
    return copy;
  }

  // One row of such a map, enlarged across: into `row`, from x0 to x1, but not where `settled` says 2.
  function across(columns, { count, index, weight }, y, { x0, x1 }, row, settled = null) {
    for (let x = x0, k = x0 * count, from = y * R; x < x1; x++, k += count) {
      if (settled && settled[y * S + x] === 2) continue;
      const a = from + index[k], last = from + index[k + count - 1];
      if (count === 6 && last === a + 5) {        // nearly always: six numbers side by side
        row[x] = weight[k] * columns[a] + weight[k + 1] * columns[a + 1] + weight[k + 2] * columns[a + 2]
          + weight[k + 3] * columns[a + 3] + weight[k + 4] * columns[a + 4] + weight[k + 5] * columns[a + 5];
        continue;
      }
      let sum = 0;
      for (let j = k; j < k + count; j++) sum += weight[j] * columns[from + index[j]];
      row[x] = sum;
    }
  }

  const clamped = scores => Array.from({ length: n }, (_, p) => scores.slice(p * total, (p + 1) * total).map(x => clamp(x, -1, 1)));
  const each = f => { const map = new Float32Array(total); for (let i = 0; i < total; i++) map[i] = f(i); return map; };

  // A part's colors [3][R, R], going on beyond its border inside a window, and zero outside of it.
  function continued(image, inside, { r0, r1, left, right }) {
    const w = right - left, h = r1 - r0, m = w * h;
    const taken = map => { const part = new Float32Array(m); for (let y = 0; y < h; y++) part.set(map.subarray((r0 + y) * R + left, (r0 + y) * R + right), y * w); return part; };
    const own = taken(inside), depth = blur(own, w, h), trust = new Float32Array(m);
    for (let i = 0; i < m; i++) depth[i] *= own[i];
    const inner = grown(depth, w, h, 1);
    for (let i = 0; i < m; i++) trust[i] = own[i] * (depth[i] / Math.max(inner[i], 1e-6)) ** 2;
    const trusted = blur(trust, w, h), color = image.map(map => {
      const here = taken(map), pure = new Float32Array(m);
      for (let i = 0; i < m; i++) pure[i] = here[i] * trust[i];
      const wide = blur(pure, w, h);
      for (let i = 0; i < m; i++) {
        const mean = wide[i] / Math.max(trusted[i], 1e-6);
        pure[i] = (mean + trust[i] * (here[i] - mean)) * own[i];
      }
      return pure;
    });
    let known = own;
    for (let round = 0; round < REACH; round++) {
      const spread = blur(known, w, h);
      for (const map of color) {
        const wide = blur(map, w, h);
        for (let i = 0; i < m; i++) if (!(known[i] > 0)) map[i] = spread[i] > 0 ? wide[i] / Math.max(spread[i], 1e-6) : 0;
      }
      known = spread.map(x => x > 0 ? 1 : 0);
    }
    return color.map(map => {
      const whole = new Float32Array(total);
      for (let y = 0; y < h; y++) whole.set(map.subarray(y * w, (y + 1) * w), (r0 + y) * R + left);
      return whole;
    });
  }

  // For every part the one with which it is enlarged: itself, or, if it is small, what it borders on most.
  function hostsOf(ids) {
    const area = new Array(n).fill(0);
    for (const id of ids) area[id]++;
    const small = area.map((pixels, p) => p > 0 && pixels < SMALL_SHARE * total);
    if (small.slice(1).every(Boolean)) return area.map((_, p) => p);
    return area.map((pixels, p) => {
      if (!small[p]) return p;
      const shared = area.map((_, q) => small[q] || q === 0 ? -1 : 0);
      const own = each(i => ids[i] === p ? 1 : 0), wide = grown(own, R, R, 1);
      for (let i = 0; i < total; i++) if (wide[i] && !own[i] && shared[ids[i]] >= 0) shared[ids[i]]++;
      return shared.indexOf(Math.max(...shared));
    });
  }

  const best = new Float32Array(S * S), result = new Float32Array(3 * S * S), row = new Float32Array(S);

  // Lay one row of a part, whose scores are in `row` and whose colors are in `tall`, over what is there.
  function blend(y, { x0, x1 }, flat) {
    const { count, index, weight } = smooth, span = 3 * (OTHER - SAME), [red, green, blue] = tall, from = y * R;
    for (let x = x0; x < x1; x++) {
      const i = y * S + x, lead = row[x] - best[i];
      if (lead <= -1) continue;                   // it lies far behind: not to be seen, whatever its color
      let r = 0, g = 0, b = 0;
      if (flat) { r = flat[0]; g = flat[1]; b = flat[2]; }
      else {
        const k = x * count, a = from + index[k];
        if (index[k + 3] === index[k] + 3) {      // nearly always: four numbers side by side
          const w0 = weight[k], w1 = weight[k + 1], w2 = weight[k + 2], w3 = weight[k + 3];
          r = w0 * red[a] + w1 * red[a + 1] + w2 * red[a + 2] + w3 * red[a + 3];
          g = w0 * green[a] + w1 * green[a + 1] + w2 * green[a + 2] + w3 * green[a + 3];
          b = w0 * blue[a] + w1 * blue[a + 1] + w2 * blue[a + 2] + w3 * blue[a + 3];
        } else for (let j = k; j < k + count; j++) {
          r += weight[j] * red[from + index[j]]; g += weight[j] * green[from + index[j]]; b += weight[j] * blue[from + index[j]];
        }
      }
      const j = 3 * i, dr = r - result[j], dg = g - result[j + 1], db = b - result[j + 2];
      let edge = clamp((Math.abs(dr) + Math.abs(dg) + Math.abs(db) - 3 * SAME) / span, 0, 1);
      edge = edge * edge * (3 - 2 * edge);
      const share = clamp(lead / 2 * (1 + (SHARP - 1) * edge) + 0.5, 0, 1);
      result[j] += share * dr; result[j + 1] += share * dg; result[j + 2] += share * db;
      if (lead > 0) best[i] = row[x];
    }
  }

  // The picture of an output, backdrop included: levels [S, S, 3].
  function picture({ image, scores, ids }, backdrop = null) {
    if (S === R && !backdrop) return toLevels(image, total);
    const maps = [0, 1, 2].map(c => each(i => clamp(image[c * total + i], -1, 1)));
    const all = clamped(scores);
    if (backdrop) {
      const wall = each(i => ids[i] === 0 ? 1 : 0), kept = withoutIslands(wall, R);
      for (let i = 0; i < total; i++) all[0][i] -= 3 * (wall[i] - kept[i]);
    }                                               // an eye that the mask lost is no hole in the head
    ids = ids.map((_, i) => { let most = 0; for (let p = 1; p < n; p++) if (all[p][i] > all[most][i]) most = p; return most; });
    const hosts = hostsOf(ids);
    best.fill(-2);
    result.fill(0);
    for (const host of [...new Set(hosts)].sort((a, b) => a - b)) {
      const members = hosts.map((its, p) => its === host ? p : -1).filter(p => p >= 0);
      const inside = each(i => hosts[ids[i]] === host ? 1 : 0), at = windowOf(inside);
      if (!at) continue;
      const most = each(i => { let x = -4; for (const p of members) if (all[p][i] > x) x = all[p][i]; return x; });
      down(cut(most, at), soft, at, tall[3]);
      const flat = host === 0 && backdrop;
      if (!flat) continued(maps, inside, at).forEach((map, c) => down(map, smooth, at, tall[c]));
      for (let y = at.top; y < at.bottom; y++) {
        across(tall[3], soft, y, at, row);
        blend(y, at, flat ? backdrop : null);
      }
    }
    const levels = new Uint8ClampedArray(3 * S * S);          // rounds half to even, as PyTorch does
    for (let i = 0; i < levels.length; i++) levels[i] = (result[i] + 1) * 127.5;
    return levels;
  }

  // The part at every pixel of the enlarged picture: [S, S].
  function labels({ scores, ids }) {
    if (S === R) return ids;
    const area = new Array(n).fill(0), result = new Uint8Array(S * S);
    for (const id of ids) area[id]++;
    const large = p => area[p] >= SMALL_SHARE * total, all = clamped(scores);
    // Where all numbers that count for a pixel are of one large part, that part leads: nothing is to be enlarged.
    const first = grown(ids, R, R, 3), last = grown(ids.map(id => 255 - id), R, R, 3);
    const sure = each(i => first[i] === 255 - last[i] && large(ids[i]) ? ids[i] : -1);
    for (let y = 0, i = 0; y < S; y++) {
      for (let x = 0, row = cell[y] * R; x < S; x++, i++) {
        const id = sure[row + cell[x]];
        if (id < 0) best[i] = -2; else { best[i] = 2; result[i] = id; }
      }
    }
    for (let p = 0; p < n; p++) {
      if (!large(p)) continue;
      const at = windowOf(each(i => ids[i] === p ? 1 : 0));
      down(cut(all[p], at), soft, at, tall[3]);
      for (let y = at.top; y < at.bottom; y++) {
        across(tall[3], soft, y, at, row, best);
        for (let x = at.x0, i = y * S + x; x < at.x1; x++, i++) if (row[x] > best[i]) { best[i] = row[x]; result[i] = p; }
      }
    }
    // Smoothing would wipe a part of a few pixels out; how far it leads is interpolated instead.
    for (let p = 0; p < n; p++) {
      if (!area[p] || large(p)) continue;
      const at = windowOf(each(i => ids[i] === p ? 1 : 0));
      const lead = new Float32Array(total);
      for (let v = at.r0; v < at.r1; v++) {
        for (let i = v * R + at.left, end = v * R + at.right; i < end; i++) {
          let most = -2;
          for (let q = 0; q < n; q++) if (q !== p && all[q][i] > most) most = all[q][i];
          lead[i] = all[p][i] - most;
        }
      }
      down(lead, smooth, at, tall[3]);
      for (let y = at.top; y < at.bottom; y++) {
        across(tall[3], smooth, y, at, row);
        for (let x = at.x0; x < at.x1; x++) if (row[x] > 0) result[y * S + x] = p;
      }
    }
    return result;
  }

  return { size: S, picture, labels };
}

// Image [3, pixels] from -1 to 1 as levels [pixels, 3].
function toLevels(image, pixels) {
  const levels = new Uint8ClampedArray(3 * pixels);
  for (let c = 0; c < 3; c++) for (let i = 0; i < pixels; i++) levels[3 * i + c] = (image[c * pixels + i] + 1) * 127.5;
  return levels;
}

// The largest number within `reach` cells of every cell. map: [h, w]
function grown(map, w, h, reach) {
  const rows = new Float32Array(w * h), result = new Float32Array(w * h);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      let most = -Infinity;
      for (let u = Math.max(0, x - reach); u <= Math.min(w - 1, x + reach); u++) most = Math.max(most, map[y * w + u]);
      rows[y * w + x] = most;
    }
  }
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      let most = -Infinity;
      for (let v = Math.max(0, y - reach); v <= Math.min(h - 1, y + reach); v++) most = Math.max(most, rows[v * w + x]);
      result[y * w + x] = most;
    }
  }
  return result;
}

// (1, 2, 1) / 4 down and across, edges repeated. map: [h, w]
function blur(map, w, h) {
  const rows = new Float32Array(w * h), result = new Float32Array(w * h);
  for (let y = 0; y < h; y++) {
    const up = Math.max(0, y - 1) * w, here = y * w, below = Math.min(h - 1, y + 1) * w;
    for (let x = 0; x < w; x++) rows[here + x] = map[up + x] + 2 * map[here + x] + map[below + x];
  }
  for (let y = 0; y < h; y++) {
    for (let x = 0, row = y * w; x < w; x++) {
      result[row + x] = (rows[row + Math.max(0, x - 1)] + 2 * rows[row + x] + rows[row + Math.min(w - 1, x + 1)]) / 16;
    }
  }
  return result;
}

// Specks of background inside the face taken out: `without_islands` of edit/backdrop.py.
function withoutIslands(stencil, R) {
  const reach = Math.max(1, Math.floor(R / 32));
  let known = grown(stencil.map(x => 1 - x), R, R, reach).map(x => 1 - x);
  for (let i = 0; i < R; i++) for (const at of [i, (R - 1) * R + i, i * R, i * R + R - 1]) known[at] = stencil[at];
  for (;;) {
    const wide = grown(known, R, R, 1).map((x, i) => x * stencil[i]);
    if (wide.every((x, i) => x === known[i])) return known;
    known = wide;
  }
}
