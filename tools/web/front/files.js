// Pictures as files: BMP for the page, which draws it at once and without loss, and PNG to be saved.

// Levels [height, width, 3] as a BMP file of 24 bits.
function bmp(levels, width, height = width) {
  const row = Math.ceil(3 * width / 4) * 4, file = new Uint8Array(54 + row * height), head = new DataView(file.buffer);
  file.set([66, 77]);
  head.setUint32(2, file.length, true); head.setUint32(10, 54, true); head.setUint32(14, 40, true);
  head.setInt32(18, width, true); head.setInt32(22, height, true);
  head.setUint16(26, 1, true); head.setUint16(28, 24, true); head.setUint32(34, row * height, true);
  for (let y = 0; y < height; y++) {                            // the lowest row first, blue before green before red
    for (let x = 0, to = 54 + (height - 1 - y) * row, from = 3 * y * width; x < width; x++, to += 3, from += 3) {
      file[to] = levels[from + 2]; file[to + 1] = levels[from + 1]; file[to + 2] = levels[from];
    }
  }
  return file;
}

// Part ids as runs, row by row: id (1 byte), length (2 bytes, little-endian).
function runs(ids) {
  const found = [];
  for (let i = 0; i < ids.length;) {
    let end = i + 1;
    while (end < ids.length && ids[end] === ids[i] && end - i < 65535) end++;
    found.push(ids[i], (end - i) & 255, (end - i) >> 8);
    i = end;
  }
  return Uint8Array.from(found);
}

// Levels [S, S, 3] as a PNG file.
async function png(levels, size) {
  const canvas = h("canvas", { width: size, height: size }), data = new ImageData(size, size);
  for (let i = 0; i < size * size; i++) {
    for (let c = 0; c < 3; c++) data.data[4 * i + c] = levels[3 * i + c];
    data.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(data, 0, 0);
  const blob = await new Promise(done => canvas.toBlob(done, "image/png"));
  return new Uint8Array(await blob.arrayBuffer());
}
