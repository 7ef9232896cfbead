// Talking to the kernel: one request at a time. While it is on its way, new wishes gather; of a slider only the newest
// position is kept. When the answer is there, all that has gathered goes out together and is drawn once.

const SLOW = 1500, SILENT = 20000;      // milliseconds until the page says that it waits, and that nobody answers

function makeLink(model, { onWait, onSilence, onBusy, patience = 1 }) {
  const me = Math.random().toString(36).slice(2);      // two views of one widget must not take each other's answers
  let count = 0, waiting = null, wishes = [], timers = [], stopped = false;

  function ask(action, buffer) {
    const last = wishes[wishes.length - 1];
    const wish = { action, buffer };
    const newer = last && action.stroke && last.action.stroke === action.stroke;
    if (newer) wishes[wishes.length - 1] = wish; else wishes.push(wish);
    send();
  }

  function send() {
    if (waiting || !wishes.length || stopped) return;
    const buffers = [];
    const actions = wishes.map(({ action, buffer }) =>
      buffer ? { ...action, buffer: buffers.push(buffer) - 1 } : action);
    wishes = [];
    onBusy(true);
    waiting = `${me}-${++count}`;
    timers = [setTimeout(() => onWait(true), SLOW), setTimeout(silence, patience * SILENT)];
    try {
      model.send({ id: waiting, actions }, undefined, buffers);
    } catch (error) {
      silence();
    }
  }

  function silence() {
    onSilence(true);
    // Should an answer come after all, things go on from there; until then nothing piles up.
    wishes = [];
  }

  function answered() {
    if (!waiting || model.get("answered") !== waiting) return;
    timers.forEach(clearTimeout);
    waiting = null;
    onWait(false);
    onSilence(false);
    onBusy(false);
    send();
  }

  model.on("change:answered", answered);
  return {
    ask,
    stop() { stopped = true; timers.forEach(clearTimeout); model.off("change:answered", answered); },
  };
}

function bytesOf(model, name) {
  const view = model.get(name);
  return view && view.byteLength ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength) : new Uint8Array(0);
}

function readRuns(bytes, total) {
  const labels = new Uint8Array(total);
  for (let i = 0, at = 0; i + 2 < bytes.length; i += 3) {
    const end = at + bytes[i + 1] + 256 * bytes[i + 2];
    labels.fill(bytes[i], at, end);
    at = end;
  }
  return labels;
}
