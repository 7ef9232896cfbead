// Random numbers from a seed, the same as PyTorch draws on a CPU: a face of a seed is the same face here and in Jupyter.

// The Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998), seeded by the lower 32 bits.
function makeTwister(seed) {
  const state = new Uint32Array(624);
  state[0] = Number(BigInt.asUintN(32, BigInt(seed)));
  for (let i = 1; i < 624; i++) {
    const last = state[i - 1] ^ (state[i - 1] >>> 30);
    state[i] = Math.imul(1812433253, last) + i;
  }
  let at = 624;
  return () => {
    if (at === 624) {
      for (let i = 0; i < 624; i++) {
        const y = (state[i] & 0x80000000) | (state[(i + 1) % 624] & 0x7fffffff);
        state[i] = state[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
      }
      at = 0;
    }
    let y = state[at++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  };
}

// n standard normal numbers by Box and Muller's method, in PyTorch's order: of sixteen uniform numbers the first eight
// give the radii, the others the angles. n is at least 16.
function normals(n, seed) {
  const draw = makeTwister(seed), uniform = () => (draw() & 0xffffff) / 0x1000000;
  const x = Float64Array.from({ length: n }, uniform);
  const fill = start => {
    for (let i = start; i < start + 8; i++) {
      const radius = Math.sqrt(-2 * Math.log(1 - x[i])), angle = 2 * Math.PI * x[i + 8];
      x[i] = radius * Math.cos(angle);
      x[i + 8] = radius * Math.sin(angle);
    }
  };
  for (let start = 0; start + 16 <= n; start += 16) fill(start);
  if (n % 16) {                                   // the last sixteen are drawn again
    for (let i = n - 16; i < n; i++) x[i] = uniform();
    fill(n - 16);
  }
  return Float32Array.from(x);
}
