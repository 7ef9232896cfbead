// The page: the whole-face row, the picture with its parts and the meter, the panel of the chosen part.

const COLORS = ["#ffffff", "#c9d6df", "#22577a", "#2f4f3a", "#d1782f", "#1b1b1f"];

function render({ model, el }) {
  // What this editor cannot do, and so does not offer: "own" (a picture of the user's), "open", "share", "face" (files),
  // "picture backdrop". Behind a kernel there is no such field; the editor without Python has it (tools/web).
  const without = model.get("without") ?? [], offer = (what, ...elements) => without.includes(what) ? [] : elements;
  const ask = (action, buffer) => link.ask(action, buffer);
  const picture = makePicture({
    onPick: part => ask({ do: "select", part }), onKey: walk, placeOf: () => ({ ...model.get("view").place }),
    onPlace: action => { picture.quiet(false); ask(action); }, onRest: () => ask({ do: "look" }), onSwipe: share => baseline.swipe(share) });
  const baseline = makeBaseline(), strip = makeStrip(ask);
  const panel = makePanel({ ask, onDrag: value => picture.quiet(value) });
  const own = makeOwn({ ask, speak: aloud => say(said.textContent, aloud), fail: sentence => say(sentence),
                        onOpen: content => ask({ do: "open" }, content) });

  // --- the whole face
  const variety = slider("variety", {
    min: 0, max: 1.2, step: 0.02, title: "Truncation: 0 is the model's average face, 1 its full variety",
    onmove: (value, stroke) => ask({ do: "psi", value, stroke }), onrest: () => ask({ do: "look" }) });
  const newFace = button("dice", "New face", "Another face; locked parts stay (N)", () => ask({ do: "new_face" }),
                         { class: "fe-main" });
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
      ...offer("picture backdrop", fileButton("open", "a picture …", "An image from your computer", "image/*",
                                              content => ask({ do: "backdrop" }, content), text => say(text), smaller))),
    h("div", { class: "fe-row fe-colors" }, ...COLORS.map(color => h("button", {
      type: "button", class: "fe-color", style: `background:${color}`, title: `Background ${color}`,
      "aria-label": `Background ${color}`, onclick: () => behind(color) })), anyColor),
    h("p", {}, "To change it, click the background in the picture: dice and sliders act on what is behind the face."));

  const fileName = h("input", { type: "text", value: "face", spellcheck: "false", "aria-label": "File name" });
  const toFolder = h("input", { type: "checkbox" });
  const folderRow = h("label", { class: "fe-check" }, toFolder, "into the notebook's folder");
  const exporting = what => { ask({ do: "export", what, name: fileName.value, to_folder: toFolder.checked, small: ownSize.checked }); };
  const ownSize = h("input", { type: "checkbox" });
  const cardButton = button("share", "Card and film", "A picture of before and after with the mask, and a film of the way "
    + "from one to the other", () => { exporting("share"); exporter.close(); }, { class: "fe-main" });
  const cardNote = h("p", {}, "");
  const exporter = menu("share", "Share", "Save what you made",
    ...offer("share", cardButton, cardNote),
    h("div", { class: "fe-row" },
      button("", "Picture + mask", "PNG, 512 pixels wide", () => exporting("picture")),
      ...offer("face", button("", "Face", "A file that can be opened here again", () => exporting("face")))),
    h("label", { class: "fe-check" }, ownSize, "the picture as small as the model makes it"),
    h("label", { class: "fe-check" }, "name", fileName), folderRow);
  const open = fileButton("open", "", "Open a saved face", ".safetensors", content => ask({ do: "open" }, content),
                          text => say(text));

  // --- below the picture
  const meter = makeMeter("How much has changed since this part was chosen");
  const isOn = toggle => toggle.getAttribute("aria-pressed") === "true";
  const toggle = (symbol, label, title, onswitch) => {
    const element = button(symbol, label, title, () => {
      element.setAttribute("aria-pressed", String(!isOn(element)));
      onswitch(isOn(element));
    }, { "aria-pressed": "false" });
    return element;
  };
  const rests = () => isOn(changes) ? "changes" : "now";
  const hold = on => picture.show(on ? "original" : rests());
  const compare = toggle("compare", "Compare", "A divider between before and after (V); hold C for all of it",
                         on => picture.swipe(on));
  const changes = toggle("changes", "Where?", "Show where the picture has changed", () => picture.show(rests()));
  const beside = button("beside", "Ordinary GAN", "The same edit by a GAN without parts, beside this one",
                        () => ask({ do: "beside" }), { "aria-pressed": "false" });
  const views = h("div", { class: "fe-views", role: "group", "aria-label": "Ways to look at it" }, compare, changes, beside);
  const caption = h("p", { class: "fe-caption", "aria-hidden": "true" });
  const pair = h("div", { class: "fe-pair" }, caption, picture.root, baseline.figure);
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
      newFace, ...offer("own", own.opener), variety.root, backdrop.root, h("span", { class: "fe-space" }),
      h("span", { class: "fe-group" }, undo, redo, reset), ...offer("open", open), exporter.root),
    h("div", { class: "fe-body" },
      h("div", { class: "fe-left" }, pair, own.stage, rescue,
        h("div", { class: "fe-meters" }, meter.root, baseline.meter), baseline.why, views, said, live, chips, strip.root), panel.root, own.panel),
    h("div", { class: "fe-drop", "aria-hidden": "true" }, "Drop your picture here"));
  if (!without.includes("own")) own.watchDrops(root);
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
    if (key === "v" && !event.repeat) { compare.click(); event.preventDefault(); return; }
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

  function update() {
    const view = model.get("view"), size = model.get("size");
    if (!view.parts) return;
    const name = view.parts[view.part].name;
    drawing(picture.update({ size, resolution: view.resolution, parts: view.parts, chosen: view.part,
                             newMark: view.mark !== mark, labels: readRuns(bytesOf(model, "labels"), size * size),
                             now: pictureBytes(), original: originalBytes() }),
            baseline.update(view.beside, name, view.resolution, baselineBytes(), baselineOriginalBytes()),
            strip.update(view.steps, stripBytes()));
    caption.textContent = `made of parts, ${view.resolution} px`;
    mark = view.mark;
    beside.hidden = !view.beside;
    beside.setAttribute("aria-pressed", String(Boolean(view.beside?.on)));
    pair.parentElement.classList.toggle("fe-two", Boolean(view.beside?.on));
    root.classList.toggle("fe-large", view.resolution >= 256);
    panel.update(view, galleryBytes());
    if (own.update(view.own, photoBytes())) picture.root.focus({ preventScroll: true });
    pair.hidden = !own.stage.hidden;
    panel.root.hidden = own.active;
    root.classList.toggle("fe-with-own", own.active);
    drawChips(view);
    variety.set(view.psi);
    undo.disabled = !view.can_undo; redo.disabled = !view.can_redo; reset.disabled = !view.can_reset;
    meter.set(name, view.meter);
    cardButton.disabled = !view.can_undo;
    cardNote.textContent = !view.can_undo ? "Change something first: the card shows before and after."
      : view.movie ? "PNG, GIF and MP4." : "PNG and GIF.";
    say(view.said, view.told);
    // A button that cannot be pressed any more loses the focus, and the next keys would go to the notebook.
    if (root.contains(document.activeElement) && document.activeElement.disabled) root.focus({ preventScroll: true });
    folderRow.hidden = !view.folder;
    // Faces that have the chosen part, looked for when nothing else is on its way.
    const wanted = `${view.part}: ${view.gallery.names.length}`;        // where they come one by one, the next is asked for
    if (view.gallery.wanted && asked !== wanted) { asked = wanted; ask({ do: "gallery" }); }
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
  const galleryBytes = keptBytes("gallery"), photoBytes = keptBytes("photo"), pictureBytes = keptBytes("picture");
  const originalBytes = keptBytes("original"), baselineBytes = keptBytes("baseline"), stripBytes = keptBytes("strip");
  const baselineOriginalBytes = keptBytes("baseline_original");

  // Busy until the answer is there and its pictures are drawn.
  let waiting = false, drawn = 0, due = false;
  const showBusy = () => { root.dataset.busy = waiting || drawn || due ? "yes" : "no"; };
  function drawing(...pictures) {
    drawn++;
    showBusy();
    Promise.allSettled(pictures).then(() => { drawn--; showBusy(); });
  }

  const link = makeLink(model, {
    patience: model.get("view").resolution > 256 ? 4 : 1,       // a model this large takes seconds for a face
    onWait: on => root.classList.toggle("fe-waiting", on),
    onSilence: on => { rescue.hidden = !on; },
    onBusy: on => { waiting = on; queueMicrotask(showBusy); },
  });
  const offered = (message, buffers) => {
    if (message?.download) download(message.download, new Blob([buffers[0]]));
  };
  model.on("msg:custom", offered);
  // Once for all that came together; what the kernel shows of itself, `editor.refresh()`, comes without an answer.
  const news = () => { if (!due) queueMicrotask(() => { due = false; update(); showBusy(); }); due = true; };
  model.on("change:answered change:picture change:view", news);
  update();

  return () => {
    link.stop(); picture.stop(); own.stop();
    root.remove();
    document.removeEventListener("pointerdown", elsewhere, true);
    document.removeEventListener("keyup", letGo, true);
    window.removeEventListener("blur", letGo);
    model.off("change:answered change:picture change:view", news);
    model.off("msg:custom", offered);
  };
}

export default { render };
