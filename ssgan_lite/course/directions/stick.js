// A face that is turned by dragging on it. The kernel's answer to a place is a picture; while it is on its way, only
// the newest place is remembered, so that nothing queues up.
const STEP = 0.1;

function render({ model, el }) {
  const face = document.createElement("img"), dot = document.createElement("span");
  const pad = document.createElement("div"), said = document.createElement("p");
  pad.className = "rs-pad";
  pad.tabIndex = 0;
  pad.setAttribute("role", "group");
  pad.setAttribute("aria-roledescription", "joystick");
  pad.setAttribute("aria-label", `A face. Drag on it, or press the arrow keys: left and right for ${model.get("across")}, `
    + `up and down for ${model.get("up")}, Home for the middle.`);
  face.alt = "the face at this place of the stick";
  face.draggable = false;
  dot.className = "rs-dot";
  said.className = "rs-said";
  said.setAttribute("aria-live", "polite");
  pad.append(face, dot);
  el.classList.add("rs");
  el.append(pad, said);

  let waiting = false, next = null, address = "";
  const clip = x => Math.max(-1, Math.min(1, x));

  function mark([x, y]) {
    dot.style.left = `${50 + 50 * x}%`;
    dot.style.top = `${50 - 50 * y}%`;
  }

  function go(x, y) {
    next = [clip(x), clip(y)];
    mark(next);
    if (!waiting) ask();
  }

  function ask() {
    const [x, y] = next, [oldX, oldY] = model.get("place");
    next = null;
    if (x === oldX && y === oldY) return;           // the kernel hears of changes only, and would not answer
    waiting = true;
    model.set("place", [x, y]);
    model.save_changes();
  }

  function show() {
    URL.revokeObjectURL(address);
    address = URL.createObjectURL(new Blob([model.get("picture")], { type: "image/png" }));
    face.src = address;
    said.textContent = model.get("caption");
    waiting = false;
    if (next) ask();
  }

  function point(event) {
    const box = pad.getBoundingClientRect();
    go(2 * (event.clientX - box.left) / box.width - 1, 1 - 2 * (event.clientY - box.top) / box.height);
  }

  pad.addEventListener("pointerdown", event => { pad.setPointerCapture(event.pointerId); pad.focus(); point(event); });
  pad.addEventListener("pointermove", event => { if (event.buttons) point(event); });
  pad.addEventListener("keydown", event => {
    const moves = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] };
    const [x, y] = next ?? model.get("place");
    if (event.key === "Home") go(0, 0);
    else if (event.key in moves) go(x + moves[event.key][0], y + moves[event.key][1]);
    else return;
    event.preventDefault();
  });
  model.on("change:answered", show);
  show();
  mark(model.get("place"));
  return () => model.off("change:answered", show);
}

export default { render };
