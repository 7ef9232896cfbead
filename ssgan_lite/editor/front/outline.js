// The outline of a region of a label map, as smooth closed curves.

function tracedLoops(labels, size, part) {
  // Every border between a pixel of the part and one that is not is an edge with the part on its right hand;
  // each corner of the grid leads on to the next, and edges join to loops.
  const inside = (x, y) => x >= 0 && y >= 0 && x < size && y < size && labels[y * size + x] === part;
  const next = new Map(), corner = (x, y) => y * (size + 1) + x;
  const add = (x0, y0, x1, y1) => {
    const from = corner(x0, y0);
    if (next.has(from)) next.get(from).push(corner(x1, y1)); else next.set(from, [corner(x1, y1)]);
  };
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      if (labels[y * size + x] !== part) continue;
      if (!inside(x, y - 1)) add(x, y, x + 1, y);
      if (!inside(x + 1, y)) add(x + 1, y, x + 1, y + 1);
      if (!inside(x, y + 1)) add(x + 1, y + 1, x, y + 1);
      if (!inside(x - 1, y)) add(x, y + 1, x, y);
    }
  }
  const loops = [];
  for (const [start, targets] of next) {
    while (targets.length) {
      const loop = [start];
      let at = targets.pop();
      while (at !== start) {
        loop.push(at);
        at = next.get(at).pop();
      }
      loops.push(loop.map(c => [c % (size + 1), Math.floor(c / (size + 1))]));
    }
  }
  return loops;
}

function smoothed(loop) {
  // The midpoints of a staircase lie nearly on a line; averaging neighbours takes out the rest, then corners are cut
  // once (Chaikin). Regions of a few pixels would shrink away and are smoothed less.
  let points = loop.map(([x, y], i) => {
    const [u, v] = loop[(i + 1) % loop.length];
    return [(x + u) / 2, (y + v) / 2];
  });
  const at = i => points[(i + points.length) % points.length];
  const rounds = loop.length > 24 ? 4 : loop.length > 12 ? 2 : 1;
  for (let round = 0; round < rounds; round++) {
    points = points.map(([x, y], i) => {
      const [a, b] = at(i - 1), [c, d] = at(i + 1);
      return [0.25 * a + 0.5 * x + 0.25 * c, 0.25 * b + 0.5 * y + 0.25 * d];
    });
  }
  return points.flatMap(([x, y], i) => {
    const [u, v] = at(i + 1);
    return [[0.75 * x + 0.25 * u, 0.75 * y + 0.25 * v], [0.25 * x + 0.75 * u, 0.25 * y + 0.75 * v]];
  });
}

function outline(labels, size, part, scale) {
  const path = new Path2D();
  for (const loop of tracedLoops(labels, size, part)) {
    smoothed(loop).forEach(([x, y], i) => path[i ? "lineTo" : "moveTo"](x * scale, y * scale));
    path.closePath();
  }
  return path;
}
