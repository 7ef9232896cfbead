// What stands around the face: the divider between before and after, the ordinary GAN's face, the strip of steps.

// A canvas that holds a picture file. The newest file wins, in whatever order decoding ends.
function makeSheet() {
  const canvas = document.createElement("canvas");
  let file = null, reading = null;
  canvas.width = canvas.height = 0;
  async function read(bytes) {
    if (!bytes?.length) { canvas.width = canvas.height = 0; return; }
    const bitmap = await createImageBitmap(new Blob([bytes]));
    if (file === bytes) {
      canvas.width = bitmap.width; canvas.height = bitmap.height;
      canvas.getContext("2d").drawImage(bitmap, 0, 0);
    }
    bitmap.close();
  }
  return {
    canvas,
    get filled() { return canvas.width > 0; },
    // Resolves when the file is on the canvas, also for who asks a second time while it is being decoded.
    set(bytes) {
      if (bytes !== file) { file = bytes; reading = read(bytes); }
      return reading;
    },
    copy(other) {
      canvas.width = other.canvas.width; canvas.height = other.canvas.height;
      if (other.filled) canvas.getContext("2d").drawImage(other.canvas, 0, 0);
    },
    pixels() { return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height); },
  };
}

// Draw one sheet over all of a canvas, and another one over its left `share`.
function drawSplit(canvas, right, left, share) {
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  if (right?.filled) context.drawImage(right.canvas, 0, 0, canvas.width, canvas.height);
  if (share <= 0 || !left?.filled) return;
  context.save();
  context.beginPath();
  context.rect(0, 0, share * canvas.width, canvas.height);
  context.clip();
  context.drawImage(left.canvas, 0, 0, canvas.width, canvas.height);
  context.restore();
}

// A line over the picture that is dragged, or moved with the arrow keys: before on its left, after on its right.
function makeDivider(onMove) {
  const root = h("div", { class: "fe-divider", role: "slider", tabindex: "0", hidden: true, "aria-valuemin": "0",
                          "aria-valuemax": "100", "aria-label": "Divider: before on its left, after on its right" },
                 h("i", {}, "before"), h("b", {}), h("i", {}, "after"));
  let share = 0.5;
  function move(to) {
    share = Math.max(0, Math.min(1, to));
    root.style.left = `${100 * share}%`;
    root.setAttribute("aria-valuenow", String(Math.round(100 * share)));
    root.setAttribute("aria-valuetext", `${Math.round(100 * share)} % of the picture before`);
    onMove(root.hidden ? 0 : share);
  }
  const at = event => {
    const box = root.parentElement.getBoundingClientRect();
    move((event.clientX - box.left) / box.width);
  };
  root.addEventListener("pointerdown", event => { root.setPointerCapture(event.pointerId); root.focus(); event.preventDefault(); });
  root.addEventListener("pointermove", event => { if (root.hasPointerCapture(event.pointerId)) at(event); });
  root.addEventListener("keydown", event => {
    const to = { ArrowLeft: share - 0.05, ArrowDown: share - 0.05, ArrowRight: share + 0.05, ArrowUp: share + 0.05,
                 Home: 0, End: 1 }[event.key];
    if (to === undefined) return;
    move(to);
    event.preventDefault();
    event.stopPropagation();
  });
  return { root, get share() { return root.hidden ? 0 : share; },
           show(on) { root.hidden = !on; move(on ? 0.5 : share); if (on) root.focus({ preventScroll: true }); } };
}

// The ordinary GAN's face beside ours, with its own meter and one sentence about what it does.
function makeBaseline() {
  const canvas = h("canvas", { class: "fe-baseline-face", role: "img", width: 512, height: 512,
                               "aria-label": "The ordinary GAN's face" });
  const caption = h("figcaption", {}, "ordinary GAN");
  const figure = h("figure", { class: "fe-baseline", hidden: true }, caption, canvas);
  const meter = makeMeter("How much the ordinary GAN has changed");
  const why = h("p", { class: "fe-why", hidden: true });
  meter.root.hidden = true;
  const now = makeSheet(), original = makeSheet();
  let share = 0;
  const paint = () => drawSplit(canvas, now, original, share);
  return {
    figure, meter: meter.root, why,
    swipe(to) { share = to; paint(); },
    async update(beside, part, resolution, bytes, originalBytes) {
      const on = Boolean(beside?.on);
      for (const element of [figure, meter.root, why]) element.hidden = !on;
      if (!on) return;
      canvas.setAttribute("aria-label", `The ordinary GAN's face, after the same edit of the ${part}`);
      meter.set(part, beside.meter);
      caption.textContent = `ordinary GAN, ${beside.size} px`;
      const about = `${beside.name}, ${beside.size} × ${beside.size} pixels, enlarged like yours`
        + (beside.size < resolution ? `, which has ${resolution} × ${resolution} and so looks sharper` : "");
      why.textContent = beside.knows
        ? `An ordinary GAN (${about}) has one code for the whole face: it can only step along the axis of its codes that `
          + `changes ${part} most, until its ${part} has changed as much as yours.`
        : `This ordinary GAN (${about}) knows no ${part}.`;
      await Promise.all([now.set(bytes), original.set(originalBytes)]);
      paint();
    },
  };
}

// Two bars: the change inside the chosen part, and everywhere else.
function makeMeter(label) {
  const inside = h("i", {}), outside = h("i", {}), insideText = h("span", { class: "fe-share" });
  const outsideText = h("span", { class: "fe-share" }), name = h("span", {}, "inside");
  const root = h("div", { class: "fe-meter", role: "group", "aria-label": label },
    name, h("div", { class: "fe-bar" }, inside), insideText,
    h("span", {}, "elsewhere"), h("div", { class: "fe-bar fe-else" }, outside), outsideText);
  const percent = x => `${(100 * x).toFixed(x < 0.0995 ? 1 : 0)} %`;
  const length = x => `${Math.min(100, 100 * Math.sqrt(x / 0.5))}%`;      // a square root: small leaks stay visible
  return {
    root,
    set(part, meter) {
      name.textContent = part;
      inside.style.width = length(meter.inside); outside.style.width = length(meter.outside);
      insideText.textContent = percent(meter.inside); outsideText.textContent = percent(meter.outside);
    },
  };
}

// Small pictures of all steps: a click goes there. One stop for the tab key; arrow keys go from picture to picture.
const STEP = 56;

function makeStrip(ask) {
  const root = h("div", { class: "fe-strip", role: "toolbar", "aria-label": "Steps so far", hidden: true });
  const sheet = makeSheet();
  let first = 0;
  root.addEventListener("keydown", event => {
    const all = [...root.children], here = all.indexOf(document.activeElement);
    const to = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: all.length - 1 }[event.key];
    if (here < 0 || to === undefined) return;
    event.preventDefault();
    all[Math.max(0, Math.min(all.length - 1, to))].focus();
  });
  return {
    root,
    async update(steps, bytes) {
      first = steps.first;
      root.hidden = steps.labels.length < 2;
      while (root.children.length > steps.labels.length) root.lastChild.remove();
      while (root.children.length < steps.labels.length) {
        const i = root.children.length;
        root.append(h("button", { type: "button", class: "fe-step", onclick: () => ask({ do: "step", to: first + i }) },
                      h("canvas", { width: STEP, height: STEP, "aria-hidden": "true" })));
      }
      [...root.children].forEach((button, i) => {
        const label = `Step ${first + i + 1}: ${steps.labels[i]}`;
        button.title = label;
        button.setAttribute("aria-label", label);
        button.toggleAttribute("aria-current", i === steps.at);
        if (i === steps.at) button.setAttribute("aria-current", "step");
        button.classList.toggle("fe-ahead", i > steps.at);
        button.tabIndex = i === Math.min(steps.at, steps.labels.length - 1) ? 0 : -1;
      });
      await sheet.set(bytes);
      if (!sheet.filled) return;
      [...root.children].forEach((button, i) => {
        button.firstChild.getContext("2d").drawImage(sheet.canvas, STEP * i, 0, STEP, STEP, 0, 0, STEP, STEP);
      });
      const here = root.children[steps.at];
      if (here && !root.contains(document.activeElement)) {
        root.scrollLeft = here.offsetLeft - root.offsetLeft - (root.clientWidth - here.offsetWidth) / 2;
      }
    },
  };
}
