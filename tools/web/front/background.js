// A color behind the face, in place of the background that the model makes: ssgan_lite/editor/background.py.

// hue from 0 to 360 degrees, saturation and brightness from 0 to 1; rgb from -1 to 1.
function hsvBackdrop(hue, saturation, brightness) {
  const channel = k => {
    const at = (k + hue / 60) % 6;
    return Math.round(255 * brightness * (1 - saturation * Math.max(0, Math.min(at, 4 - at, 1))));
  };
  return { ...ofLevels([channel(5), channel(3), channel(1)]), hsv: [hue, saturation, brightness] };
}

function colorBackdrop(color) {
  const levels = [1, 3, 5].map(i => parseInt(color.slice(i, i + 2), 16)), [r, g, b] = levels;
  const most = Math.max(r, g, b), span = most - Math.min(r, g, b);
  const hue = !span ? 0 : most === r ? (g - b) / span : most === g ? 2 + (b - r) / span : 4 + (r - g) / span;
  return { ...ofLevels(levels), hsv: [(60 * hue + 360) % 360, most ? span / most : 0, most / 255] };
}

const ofLevels = levels => ({ name: "#" + levels.map(level => level.toString(16).padStart(2, "0")).join(""),
                              rgb: levels.map(level => level / 127.5 - 1) });

// Another color, from a seed.
function thrownBackdrop(seed) {
  const draw = makeTwister(seed), between = (low, high) => low + (high - low) * draw() / 0x100000000;
  return hsvBackdrop(between(0, 360), between(0.2, 0.8), between(0.3, 1));
}

// The sliders of a color, as the page shows named ones. idle: nothing can be seen of it now.
function coverSliders({ hsv }) {
  const [hue, saturation, brightness] = [hsv[0], 100 * hsv[1], 100 * hsv[2]].map(Math.round);
  const slider = (label, value, high, unit, idle = "") => ({ label, value, low: 0, high, step: 1, unit, idle });
  const black = brightness ? "" : "Black has no hue and no saturation: raise the brightness first.";
  const gray = saturation ? "" : "A gray has no hue: raise the saturation first.";
  return [slider("hue", hue, 360, "°", black || gray), slider("saturation", saturation, 100, " %", black),
          slider("brightness", brightness, 100, " %")];
}

// The color with one of its sliders moved.
function slidCover({ hsv }, i, value) {
  const next = [...hsv];
  next[i] = i ? Math.max(0, Math.min(100, value)) / 100 : Math.max(0, Math.min(360, value));
  return hsvBackdrop(...next);
}
