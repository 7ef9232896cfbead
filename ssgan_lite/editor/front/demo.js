// The editor without Jupyter: a model as anywidget has one, whose messages go through a websocket to server.py.

const GOING_ON = 4000, FULL = 4001;           // codes with which the server closes: nothing was done; too many people
const AGAIN = { first: 500, most: 8000 };     // milliseconds until the next attempt to connect, doubled each time

const place = document.getElementById("place"), news = document.getElementById("news");
const fields = {}, heard = {};
let socket = null, remove = null, pause = AGAIN.first;

const tell = (name, ...what) => { for (const f of [...(heard[name] ?? [])]) f(...what); };
const model = {
  get: name => fields[name],
  on(names, f) { for (const name of names.split(" ")) (heard[name] ??= new Set()).add(f); },
  off(names, f) { for (const name of names.split(" ")) heard[name]?.delete(f); },
  send(content, callbacks, buffers = []) { socket?.send(packed(content, buffers)); },
};

// A message is the length of its header (4 bytes, big-endian), the header as JSON, and all bytes in order.
function packed(content, buffers) {
  const header = new TextEncoder().encode(JSON.stringify({ content, buffers: buffers.map(b => b.byteLength) }));
  const length = new DataView(new ArrayBuffer(4));
  length.setUint32(0, header.length);
  return new Blob([length, header, ...buffers]);
}

function take(message) {
  const length = new DataView(message).getUint32(0);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(message, 4, length)));
  let at = 4 + length;
  const next = size => { at += size; return new DataView(message, at - size, size); };
  Object.assign(fields, header.fields);
  for (const [name, size] of header.binary) fields[name] = next(size);
  for (const name of [...Object.keys(header.fields), ...header.binary.map(([name]) => name)]) tell("change:" + name);
  for (const [name, size] of header.files) tell("msg:custom", { download: name }, [next(size)]);
}

function connect() {
  // The face as it was when the line broke, if somebody had worked on it: it goes on from there.
  const kept = fields.view?.can_undo ? new Uint8Array(bytesOf(model, "snapshot")).buffer : null;
  let begun = false;
  socket = new WebSocket(location.href.replace(/^http/, "ws").replace(/[?#].*$/, "").replace(/[^/]*$/, "face"));
  socket.binaryType = "arraybuffer";
  socket.onmessage = event => {
    if (!begun) remove?.();
    take(event.data);
    if (begun) return;
    begun = true;
    pause = AGAIN.first;
    news.replaceChildren();
    remove = render({ model, el: place });
    if (kept) model.send({ id: "again", actions: [{ do: "open", buffer: 0 }] }, undefined, [kept]);
  };
  socket.onclose = event => {
    socket = null;
    if (event.code === GOING_ON) {
      news.replaceChildren("Nothing was done for half an hour, so somebody else may have your place. ",
                           button("redo", "Go on", "Go on with this face", connect));
      return;
    }
    news.textContent = event.code === FULL ? `${event.reason} The page opens as soon as somebody leaves.`
      : "The connection is lost. Trying again …";
    setTimeout(connect, pause);
    pause = Math.min(AGAIN.most, 2 * pause);
  };
}

connect();
