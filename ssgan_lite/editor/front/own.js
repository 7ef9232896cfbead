// Your own picture: choosing or dropping a file, pointing at eyes and mouth where no face was found, and looking on
// while the face comes nearer. The work goes on as long as the page asks for it: one request after the other.

const POINTS = ["the eye on the left", "the eye on the right", "the middle of the mouth"];
const PAUSE = 15;           // milliseconds between an answer and the request for the next piece of work
const POINT_HELP = "Arrow keys move the cross, with Shift in small steps. Enter sets the point. Backspace takes the last "
  + "one back. Escape ends it.";

function makeOwn({ ask, speak, onOpen, fail }) {
  const take = (content, name) => ask({ do: "picture", name }, content);
  const opener = fileButton("photo", "Your picture", "Edit a picture of your own: choose a file, or drop one here. "
                            + "Of somebody else only if they agree", "image/*", take, fail, smaller);

  // --- beside the face: what is going on
  const picture = h("img", { class: "fe-photo", alt: "" });
  const title = h("h3", {}, ""), text = h("p", {}), numbers = h("p", { class: "fe-levels" });
  const steps = h("ol", { class: "fe-steps" }, ...POINTS.map(name => h("li", {}, `Click ${name}.`)));
  const bar = h("progress", { "aria-label": "Steps of the descent" });
  const enough = button("", "Good enough", "Stop here and edit this face", () => ask({ do: "stop" }), { class: "fe-main" });
  const back = button("undo", "Undo click", "Take the last click back (Backspace)", () => takeBack());
  const again = button("", "Point at it", "The face was found wrongly: show where eyes and mouth are",
                       () => ask({ do: "points" }));
  const cancel = button("", "Cancel", "Put the picture away (Escape)", () => ask({ do: "cancel" }));
  const panel = h("section", { class: "fe-own", hidden: true, "aria-label": "Your picture" },
                  h("header", {}, title), picture, text, steps, bar, numbers,
                  h("div", { class: "fe-row" }, enough, back, again, cancel));

  // --- in place of the face: the photograph, to point at
  const photo = h("img", { alt: "", draggable: "false" }), marks = h("div", { "aria-hidden": "true" });
  const cross = h("i", { class: "fe-cross" });
  const help = h("p", { class: "fe-unseen", id: `fe-help-${Math.random().toString(36).slice(2)}` }, POINT_HELP);
  const frame = h("div", { class: "fe-frame" }, photo, marks, cross);
  const stage = h("div", { class: "fe-pointing", hidden: true, tabindex: "0", role: "application",
                           "aria-describedby": help.id }, frame, help);
  let state = "", points = [], at = [0.5, 0.4], refused = 0, url = "", shown = null, due = false;

  const next = () => POINTS[Math.min(points.length, 2)];
  function drawPoints() {
    marks.replaceChildren(...points.map(([x, y], i) => h("b", { style: `left:${100 * x}%;top:${100 * y}%` }, String(i + 1))));
    [...steps.children].forEach((item, i) => {
      item.className = i < points.length ? "fe-done" : i === points.length ? "fe-next" : "";
      if (i === points.length) item.setAttribute("aria-current", "step"); else item.removeAttribute("aria-current");
    });
    back.disabled = !points.length;
    stage.setAttribute("aria-label", `Your picture. Point at ${next()}.`);
  }
  function drawCross() { cross.style.left = `${100 * at[0]}%`; cross.style.top = `${100 * at[1]}%`; }
  function setPoint(x, y) {
    if (points.length === 3) return;
    points.push([x, y]);
    drawPoints();
    if (points.length === 3) ask({ do: "points", points }); else speak(`Point ${points.length} is set. Now ${next()}.`);
  }
  function takeBack() {
    if (!points.length) return;
    points.pop();
    drawPoints();
    speak(`Taken back. Point at ${next()}.`);
    if (back.disabled) stage.focus({ preventScroll: true });
  }
  frame.addEventListener("click", event => {
    const box = frame.getBoundingClientRect();
    setPoint((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    stage.focus({ preventScroll: true });
  });
  stage.addEventListener("keydown", event => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (way) {
      const length = event.shiftKey ? 0.004 : 0.02;
      at = at.map((x, i) => Math.max(0, Math.min(1, x + length * way[i])));
      cross.classList.add("fe-on");
      drawCross();
    } else if (event.key === "Enter" || event.key === " ") setPoint(...at);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  // --- a file dropped anywhere on the editor
  function watchDrops(root) {
    const carries = event => [...(event.dataTransfer?.types ?? [])].includes("Files");
    const show = on => root.classList.toggle("fe-dropping", on);
    root.addEventListener("dragover", event => { if (carries(event)) { event.preventDefault(); show(true); } });
    root.addEventListener("dragleave", event => { if (!root.contains(event.relatedTarget)) show(false); });
    root.addEventListener("drop", event => {
      if (!carries(event)) return;
      event.preventDefault();
      event.stopPropagation();
      show(false);
      const file = event.dataTransfer.files[0];
      if (file?.name.endsWith(".safetensors")) readFile(file, onOpen, fail);
      else if (file) readFile(file, take, fail, smaller);
    });
  }

  function showPhoto(bytes) {
    if (bytes === shown) return;
    shown = bytes;
    URL.revokeObjectURL(url);
    url = bytes.length ? URL.createObjectURL(new Blob([bytes])) : "";
    for (const image of [photo, picture]) if (url) image.src = url; else image.removeAttribute("src");
  }

  return {
    opener, panel, stage, watchDrops,
    get active() { return state !== ""; },
    // Keys of the whole editor while a picture is worked on; true if there is nothing more to do with this one.
    keys(event) {
      if (!state) return false;
      if (event.key === "Escape") { ask({ do: "cancel" }); event.preventDefault(); return true; }
      if (state !== "points") return false;
      if (event.key === "Backspace" || event.key.toLowerCase() === "z") { takeBack(); event.preventDefault(); }
      return true;
    },
    update(own, bytes) {
      const before = state, inside = panel.contains(document.activeElement) || stage.contains(document.activeElement);
      state = own?.state ?? "";
      showPhoto(bytes);
      panel.hidden = !state;
      stage.hidden = state !== "points";
      if (state === "points") {
        if (before !== "points") { points = []; at = [0.5, 0.4]; cross.classList.remove("fe-on"); }
        else if (own.refused !== refused) points.pop();     // those three cannot be a face's; the sentence says why
        drawPoints();
        drawCross();
      }
      refused = own?.refused ?? 0;
      title.textContent = state === "points" ? "Where is the face?" : "Your picture";
      text.textContent = { looking: "Looking for a face …", fitting: "The model draws this face nearer and nearer to "
        + "your picture. Stop when you like it, or go on editing at any time." }[state] ?? "";
      text.hidden = !text.textContent;
      picture.alt = own ? `Your picture, ${own.name}` : "";
      picture.hidden = state === "points";
      picture.classList.toggle("fe-whole", state === "looking");
      steps.hidden = back.hidden = state !== "points";
      bar.hidden = state === "points";
      enough.hidden = numbers.hidden = state !== "fitting";
      again.hidden = state === "points";
      if (state === "fitting") {
        bar.max = own.steps;
        bar.value = own.step;
        numbers.textContent = `Step ${own.step} of ${own.steps}; ${own.levels.toFixed(1)} levels of 255 away`;
      } else bar.removeAttribute("value");
      if (state === "points" && before !== "points") stage.focus({ preventScroll: true });
      else if (state !== before && inside && state) (state === "fitting" ? enough : cancel).focus({ preventScroll: true });
      if ((state === "looking" || state === "fitting") && !due) {
        due = true;
        setTimeout(() => { due = false; if (state) ask({ do: "go_on" }); }, PAUSE);
      }
      return state !== before && !state && inside;          // the focus is to go back to the face
    },
    stop() { state = ""; URL.revokeObjectURL(url); },
  };
}
