// The page: the whole-face row, the picture with its parts and the meter, the panel of the chosen part.

const COLORS = ["#ffffff", "#c9d6df", "#22577a", "#2f4f3a", "#d1782f", "#1b1b1f"];

function render({ model, el }) {
  const ask = (action, buffer) => link.ask(action, buffer);
  const picture = makePicture({
    onPick: part => ask({ do: "select", part }), onKey: walk, placeOf: () => ({ ...model.get("view").place }),
    onPlace: action => { picture.quiet(false); ask(action); }, onRest: () => ask({ do: "look" }) });
  const panel = makePanel({ ask, onDrag: value => picture.quiet(value) });
  const own = makeOwn({ ask, speak: aloud => say(said.textContent, aloud), fail: sentence => say(sentence),
                        onOpen: content => ask({ do: "open" }, content) });

  // --- the whole face
  const variety = slider("variety", {
    min: 0, max: 1.2, step: 0.02, title: "Truncation: 0 is the model's average face, 1 its full variety",
    onmove: (value, stroke) => ask({ do: "psi", value, stroke }), onrest: () => ask({ do: "look" }) });
  const newFace = button("dice", "New face", "Another face; locked parts stay (N)", () => ask({ do: "new_face" }),
                         { class: "fe-main" });
  const compare = button("compare", "Compare", "Hold to see the original (hold C)", () => {});
  const rests = () => changes.getAttribute("aria-pressed") === "true" ? "changes" : "now";
  const hold = on => { picture.show(on ? "original" : rests()); compare.classList.toggle("fe-held", on); };
  compare.addEventListener("pointerdown", event => { compare.setPointerCapture(event.pointerId); hold(true); });
  for (const kind of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) {
    compare.addEventListener(kind, () => hold(false));
  }
  compare.addEventListener("keydown", event => { if (event.key === " " || event.key === "Enter") hold(true); });
  compare.addEventListener("keyup", () => hold(false));
  const undo = button("undo", "", "Undo (Z)", () => ask({ do: "undo" }));
  const redo = button("redo", "", "Redo (Y)", () => ask({ do: "redo" }));
  const reset = button("reset", "", "Back to the original face", () => ask({ do: "reset" }));

  const behind = color => ask({ do: "backdrop", color });
  const anyColor = h("input", { type: "color", value: "#7aa6c2", title: "A color of your own",
                                "aria-label": "A color of your own" });
  anyColor.addEventListener("change", () => behind(anyColor.value));
  const backdrop = menu("backdrop", "Background", "What is behind the face",
    h("div", { class: "fe-row" },
      button("", "the model's own", "The background that the model makes", () => behind(null)),
      fileButton("open", "a picture …", "An image from your computer", "image/*",
                 content => ask({ do: "backdrop" }, content), text => say(text), smaller)),
    h("div", { class: "fe-row fe-colors" }, ...COLORS.map(color => h("button", {
      type: "button", class: "fe-color", style: `background:${color}`, title: `Background ${color}`,
      "aria-label": `Background ${color}`, onclick: () => behind(color) })), anyColor),
    h("p", {}, "Another background of the model's: click the background in the picture and throw its dice."));

  const fileName = h("input", { type: "text", value: "face", spellcheck: "false", "aria-label": "File name" });
  const toFolder = h("input", { type: "checkbox" });
  const folderRow = h("label", { class: "fe-check" }, toFolder, "into the notebook's folder");
  const exporting = what => { ask({ do: "export", what, name: fileName.value, to_folder: toFolder.checked }); };
  const exporter = menu("save", "Export", "Save pictures and faces",
    h("label", { class: "fe-check" }, "name", fileName), folderRow,
    h("div", { class: "fe-row" },
      button("", "Picture + mask", "PNG", () => exporting("picture")),
      button("", "Film", "GIF: from the original to this face and back", () => exporting("film")),
      button("", "Face", "A file that can be opened here again", () => exporting("face"))));
  const open = fileButton("open", "", "Open a saved face", ".safetensors", content => ask({ do: "open" }, content),
                          text => say(text));

  // --- below the picture
  const inside = h("i", {}), outside = h("i", {}), insideText = h("span", { class: "fe-share" }), outsideText = h("span", { class: "fe-share" });
  const insideName = h("span", {}, "inside");
  const changes = button("changes", "where?", "Show where the picture has changed", () => {
    changes.setAttribute("aria-pressed", String(rests() === "now"));
    picture.show(rests());
  }, { "aria-pressed": "false" });
  const meter = h("div", {
    class: "fe-meter", role: "group", "aria-label": "How much has changed since this part was chosen" },
    insideName, h("div", { class: "fe-bar" }, inside), insideText,
    h("span", {}, "elsewhere"), h("div", { class: "fe-bar fe-else" }, outside), outsideText, changes);
  const chips = h("div", { class: "fe-chips", role: "radiogroup", "aria-label": "Parts of the face" });
  // What the eye should read, and, in the only live region, what a screen reader says: also which part was chosen.
  const said = h("p", { class: "fe-said" }), live = h("p", { class: "fe-unseen", role: "status", "aria-live": "polite" });
  const say = (text, aloud = text) => {
    said.textContent = text;
    if (aloud && live.textContent !== aloud) live.textContent = aloud;
  };
  const rescue = h("div", { class: "fe-rescue", role: "alert", hidden: true },
    h("p", {}, "The kernel does not answer: it is busy, or it was restarted. Run the cell again to go on. "
               + "Your face is not lost:"),
    h("div", { class: "fe-row" },
      button("save", "this picture", "Save the picture as you see it", () => picture.save("face.png")),
      button("save", "this face", "Save the face; open it again in a new editor", () =>
        download("face.safetensors", new Blob([bytesOf(model, "snapshot")])))));

  const root = h("div", { class: "fe", tabindex: "-1", "data-busy": "no", "data-lm-suppress-shortcuts": "true" },
    h("div", { class: "fe-bar-top", role: "toolbar", "aria-label": "The whole face" },
      newFace, own.opener, variety.root, backdrop.root, h("span", { class: "fe-space" }), compare,
      h("span", { class: "fe-group" }, undo, redo, reset), open, exporter.root),
    h("div", { class: "fe-body" },
      h("div", { class: "fe-left" }, picture.root, own.stage, rescue, meter, said, live, chips), panel.root, own.panel),
    h("div", { class: "fe-drop", "aria-hidden": "true" }, "Drop your picture here"));
  own.watchDrops(root);
  el.append(root);

  // --- keyboard
  function walk(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const { parts, part } = model.get("view");
    ask({ do: "select", part: (part + step + parts.length) % parts.length });
  }
  chips.addEventListener("keydown", walk);
  const KEYS = { d: { do: "dice" }, l: { do: "lock" }, h: { do: "show" }, n: { do: "new_face" }, y: { do: "redo" } };
  root.addEventListener("keydown", event => {
    event.stopPropagation();
    if (event.target.matches("input[type=text], input[type=color]") || event.altKey) return;
    if (!event.ctrlKey && !event.metaKey && own.keys(event)) return;
    const key = event.key.toLowerCase();
    if (key === "z") { ask({ do: event.shiftKey ? "redo" : "undo" }); event.preventDefault(); return; }
    if (event.ctrlKey || event.metaKey) return;
    if (key === "c") { if (!event.repeat) hold(true); return; }
    if (KEYS[key] && !event.repeat) { ask(KEYS[key]); event.preventDefault(); }
  });
  root.addEventListener("keyup", event => event.stopPropagation());
  // Wherever the key is let go, and if the window is left while it is down: the picture must not stay the old one.
  const letGo = event => { if (event.type === "blur" || event.key.toLowerCase() === "c") hold(false); };
  document.addEventListener("keyup", letGo, true);
  window.addEventListener("blur", letGo);
  const elsewhere = event => { for (const m of [backdrop, exporter]) if (m.isOpen) m.closeIfOutside(event.target); };
  document.addEventListener("pointerdown", elsewhere, true);

  // --- state
  let mark = null, chipNames = "", asked = null;
  function drawChips(view) {
    const names = view.parts.map(p => p.name).join();
    if (names !== chipNames) {
      chipNames = names;
      chips.replaceChildren(...view.parts.map((part, i) => h("button", {
        type: "button", role: "radio", class: "fe-chip", "data-part": part.name,
        onclick: () => ask({ do: "select", part: i }) },
        h("i", { class: "fe-swatch", style: `background:rgb(${part.color})` }), part.name, icon("locked"))));
    }
    const focused = chips.contains(document.activeElement);
    [...chips.children].forEach((chip, i) => {
      const part = view.parts[i], on = i === view.part;
      chip.setAttribute("aria-checked", String(on));
      chip.tabIndex = on ? 0 : -1;
      chip.classList.toggle("fe-absent", !part.pixels);
      chip.classList.toggle("fe-chip-locked", part.locked);
      chip.title = part.hidden ? "switched off" : part.pixels ? "" : "not to be seen in this face";
      if (on && focused) chip.focus();
    });
  }

  const percent = x => `${(100 * x).toFixed(x < 0.0995 ? 1 : 0)} %`;
  const length = x => `${Math.min(100, 100 * Math.sqrt(x / 0.5))}%`;      // a square root: small leaks stay visible
  function update() {
    const view = model.get("view"), size = model.get("size");
    if (!view.parts) return;
    picture.update({ size, parts: view.parts, chosen: view.part, newMark: view.mark !== mark,
                     labels: readRuns(bytesOf(model, "labels"), size * size),
                     now: bytesOf(model, "pixels"), original: bytesOf(model, "original") });
    mark = view.mark;
    root.classList.toggle("fe-large", size >= 256);
    panel.update(view, galleryBytes());
    if (own.update(view.own, photoBytes())) picture.root.focus({ preventScroll: true });
    picture.root.hidden = !own.stage.hidden;
    panel.root.hidden = own.active;
    root.classList.toggle("fe-with-own", own.active);
    drawChips(view);
    variety.set(view.psi);
    undo.disabled = !view.can_undo; redo.disabled = !view.can_redo; reset.disabled = !view.can_reset;
    insideName.textContent = view.parts[view.part].name;
    inside.style.width = length(view.meter.inside); outside.style.width = length(view.meter.outside);
    insideText.textContent = percent(view.meter.inside); outsideText.textContent = percent(view.meter.outside);
    say(view.said, view.told);
    // A button that cannot be pressed any more loses the focus, and the next keys would go to the notebook.
    if (root.contains(document.activeElement) && document.activeElement.disabled) root.focus({ preventScroll: true });
    folderRow.hidden = !view.folder;
    // Faces that have the chosen part, looked for when nothing else is on its way.
    if (view.gallery.wanted && asked !== view.part) { asked = view.part; ask({ do: "gallery" }); }
    if (!view.gallery.wanted) asked = null;
  }
  // The same array as long as the bytes are the same ones.
  const keptBytes = name => {
    let view = null, copy = new Uint8Array(0);
    return () => {
      if (model.get(name) !== view) { view = model.get(name); copy = bytesOf(model, name); }
      return copy;
    };
  };
  const galleryBytes = keptBytes("gallery"), photoBytes = keptBytes("photo");

  const link = makeLink(model, {
    patience: model.get("size") > 256 ? 4 : 1,
    onWait: on => root.classList.toggle("fe-waiting", on),
    onSilence: on => { rescue.hidden = !on; },
    onBusy: on => { root.dataset.busy = on ? "yes" : "no"; },
  });
  const offered = (message, buffers) => {
    if (message?.download) download(message.download, new Blob([buffers[0]]));
  };
  model.on("msg:custom", offered);
  // Once for all that came together; what the kernel shows of itself, `editor.refresh()`, comes without an answer.
  let due = false;
  const news = () => { if (!due) queueMicrotask(() => { due = false; update(); }); due = true; };
  model.on("change:answered change:pixels change:view", news);
  update();

  return () => {
    link.stop(); picture.stop(); own.stop();
    document.removeEventListener("pointerdown", elsewhere, true);
    document.removeEventListener("keyup", letGo, true);
    window.removeEventListener("blur", letGo);
    model.off("change:answered change:pixels change:view", news);
    model.off("msg:custom", offered);
  };
}

export default { render };
