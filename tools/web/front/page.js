// The page: unpacks the model and the runtime, which lie in scripts as compressed text, and gives the editor a model as
// anywidget has one, whose messages go to the desk in this page.

const place = document.getElementById("place"), news = document.getElementById("news");
const files = window.ssganFiles ?? {};

class Trouble extends Error {}
const INCOMPLETE = "is not complete, or not there. Reload the page; if that does not help, copy the whole folder again.";

// The bytes of one of the scripts: base64 of a gzip file, which has a sum of its own.
async function unpacked(name) {
  if (typeof files[name] !== "string") throw new Trouble(`The file ${name}.js ${INCOMPLETE}`);
  try {
    const text = atob(files[name]), bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    files[name] = null;
    return await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
  } catch (error) {
    throw new Trouble(`The file ${name}.js ${INCOMPLETE}`);
  }
}

// The model's file: the length of its header (4 bytes, big-endian), the header as JSON, and the graphs one by one. Long
// lists of numbers are base64 of float32 in the header: {"floats": "..."}.
function readModel(buffer) {
  const length = new DataView(buffer).getUint32(0), text = new TextDecoder().decode(new Uint8Array(buffer, 4, length));
  const model = JSON.parse(text, (key, value) => value && typeof value.floats === "string"
    ? new Float32Array(Uint8Array.from(atob(value.floats), c => c.charCodeAt(0)).buffer) : value);
  const graphs = {};
  let at = 4 + length;
  for (const [name, size] of model.graphs) { graphs[name] = new Uint8Array(buffer, at, size); at += size; }
  return { model, graphs };
}

async function begin() {
  if (typeof WebAssembly !== "object") throw new Trouble("This browser has no WebAssembly, which the editor needs. Use a current Firefox, Chrome, Edge or Safari, or allow it in the settings.");
  if (typeof DecompressionStream !== "function") throw new Trouble("This browser is too old for the editor: it needs Chrome 80, Firefox 113, Safari 16.4 or later.");
  if (typeof ort !== "object") throw new Trouble(`The file runtime.js ${INCOMPLETE}`);
  const { model, graphs } = readModel(await unpacked("model"));
  Object.assign(ort.env.wasm, { wasmBinary: await unpacked("wasm"), numThreads: 1, proxy: false });
  ort.env.logLevel = "error";
  let network;
  try {
    network = await makeNetwork(model, graphs);
  } catch (error) {
    throw new Trouble(`This browser cannot run the model (${error.message ?? error}). Its WebAssembly must know SIMD: use a current Firefox, Chrome, Edge or Safari.`);
  }
  return makeDesk(model, network);
}

function show(desk) {
  const heard = {}, empty = new Uint8Array(0);
  const tell = (name, ...what) => { for (const f of [...(heard[name] ?? [])]) f(...what); };
  const model = {
    get: name => desk.fields[name] ?? empty,
    on(names, f) { for (const name of names.split(" ")) (heard[name] ??= new Set()).add(f); },
    off(names, f) { for (const name of names.split(" ")) heard[name]?.delete(f); },
    async send({ id, actions }) {
      let made = [];
      try {
        await desk.act(actions);
        await desk.refresh();
        made = desk.takeFiles();
      } catch (error) {
        console.error(error);
        desk.say(`That went wrong (${error.message ?? error}). Undo still works; a reload begins anew.`);
      }
      desk.fields.answered = id;
      tell("change:answered");
      for (const [name, bytes] of made) tell("msg:custom", { download: name }, [bytes]);
    },
  };
  place.replaceChildren();
  render({ model, el: place });
  window.ssganDesk = desk;            // for a look with the browser's console, and for tests
}

setTimeout(() => begin().then(show, error => {
  if (!(error instanceof Trouble)) console.error(error);
  news.textContent = error instanceof Trouble ? error.message : `The editor could not begin (${error.message ?? error}).`;
  news.classList.add("web-trouble");
}), 0);                               // the page is painted first
