"use strict";
const element = (id) => document.getElementById(id);
const network = JSON.parse(element("network").textContent);
const ROWS = 28, PAPER = 280, BOX = 20;
const PEN = 26; // scaled down to the box, lines are as wide as MNIST's, and never too thin

// ---- The network. Matrices are flat arrays, row after row.

const variables = Object.fromEntries(Object.entries(network.variables).map(([name, text]) =>
  [name, new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer)]));

/** inputs · weights + sums */
function affine(inputs, weights, sums) {
  const result = Float64Array.from(sums), size = result.length;
  inputs.forEach((input, k) => {
    if (input !== 0) for (let j = 0; j < size; j++) result[j] += input * weights[k * size + j];
  });
  return result;
}

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

/** Equal parts of an array: the gates, each with a value for every unit. */
function split(sums, count) {
  const units = sums.length / count;
  return Array.from({ length: count }, (_, k) => sums.slice(k * units, (k + 1) * units));
}

/** One time step of each cell, as in tf_lstm/cells.py: the gates and the new state. */
const CELLS = {
  lstm(inputs, { hidden, cell_state }, { kernel, recurrent_kernel, bias }) {
    const sums = split(affine(hidden, recurrent_kernel, affine(inputs, kernel, bias)), 4);
    const [i, f, o] = [0, 1, 3].map((k) => sums[k].map(sigmoid)), g = sums[2].map(Math.tanh);
    const next = cell_state.map((value, j) => f[j] * value + i[j] * g[j]);
    return { i, f, g, o, cell_state: next, hidden: next.map((value, j) => o[j] * Math.tanh(value)) };
  },
  gru(inputs, { hidden }, { kernel, recurrent_kernel, bias }) {
    const [ofInputs, ofHidden] = split(bias, 2);
    const sums = split(affine(inputs, kernel, ofInputs), 3);
    const recurrent = split(affine(hidden, recurrent_kernel, ofHidden), 3);
    const [z, r] = [0, 1].map((k) => sums[k].map((sum, j) => sigmoid(sum + recurrent[k][j])));
    const g = sums[2].map((sum, j) => Math.tanh(sum + r[j] * recurrent[2][j]));
    return { z, r, g, hidden: hidden.map((value, j) => z[j] * value + (1 - z[j]) * g[j]) };
  },
  rnn(inputs, { hidden }, { kernel, recurrent_kernel, bias }) {
    return { hidden: affine(hidden, recurrent_kernel, affine(inputs, kernel, bias)).map(Math.tanh) };
  },
};

function softmax(logits) {
  const largest = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

/** Read an image of 28 · 28 pixels, 0 to 255: the layers' gates and states, and the logits, after each row. */
function read(pixels) {
  const layers = Array.from({ length: network.layers }, (_, layer) => {
    const [kernel, recurrent_kernel, bias] = ["kernel", "recurrent_kernel", "bias"].map(
      (name) => variables[`layers[${layer}].${name}`]);
    const zeros = new Float64Array(network.units);
    return { weights: { kernel, recurrent_kernel, bias }, state: { hidden: zeros, cell_state: zeros } };
  });
  return Array.from({ length: ROWS }, (_, row) => {
    let values = Array.from(pixels.slice(28 * row, 28 * row + 28), (p) => p / 255 - network.pixelOffset);
    if ("weights['in']" in variables) values = affine(values, variables["weights['in']"], variables["biases['in']"]);
    for (const layer of layers) {
      layer.state = CELLS[network.cell](values, layer.state, layer.weights);
      values = layer.state.hidden;
    }
    const logits = affine(values, variables["weights['out']"], variables["biases['out']"]);
    return { states: layers.map((layer) => layer.state), logits };
  });
}

/** The probabilities of the classes after each row of an image. */
const predict = (pixels) => read(pixels).map((step) => softmax(step.logits));

const predictedClass = (probabilities) => probabilities.indexOf(Math.max(...probabilities));

/** The change of each class's log-probability by each row, in nats, as in tf_lstm/inside.py. */
function evidence(steps) {
  const logs = steps.map(({ logits }) => { // not the logarithm of a probability, which may be 0
    const largest = Math.max(...logits), sum = logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
    return Array.from(logits, (logit) => logit - largest - Math.log(sum));
  });
  return logs.map((row, t) => row.map((log, label) => log - (t ? logs[t - 1][label] : 0)));
}

/** What each unit of the last layer adds to the logit of class a minus that of class b, at the end. */
function contributions(steps, a, b) {
  const weights = variables["weights['out']"], count = steps[0].logits.length;
  return steps.at(-1).states.at(-1).hidden.map((value, j) => value * (weights[j * count + a] - weights[j * count + b]));
}

/** The row, from 1, from which the predicted class never changes again. */
function commitRow(rows) {
  const predicted = rows.map(predictedClass);
  return predicted.findLastIndex((each) => each !== predicted.at(-1)) + 2;
}

// ---- The drawing in MNIST's format: `center` of tf_lstm/data/photo.py, with Pillow's arithmetic.

/** Round half to even, as Python does. */
function round(x) {
  const whole = Math.floor(x), rest = x - whole;
  return rest > 0.5 || (rest === 0.5 && whole % 2) ? whole + 1 : whole;
}

/** Resize an image to a new width by Pillow's bicubic filter, and transpose it. */
function resize({ width, height, pixels }, newWidth) {
  const bicubic = (x) => (x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? ((2.5 - 0.5 * x) * x - 4) * x + 2 : 0);
  const scale = width / newWidth, stretch = Math.max(scale, 1), result = new Uint8Array(newWidth * height);
  for (let column = 0; column < newWidth; column++) {
    const middle = (column + 0.5) * scale;
    const start = Math.max(0, Math.trunc(middle - 2 * stretch + 0.5));
    const end = Math.min(width, Math.trunc(middle + 2 * stretch + 0.5));
    const weights = Array.from({ length: end - start }, (_, k) => bicubic(Math.abs(start + k - middle + 0.5) / stretch));
    const total = weights.reduce((a, b) => a + b);
    const fixed = weights.map((weight) => Math.trunc((weight / total) * 2 ** 22 + 0.5 * Math.sign(weight)));
    for (let row = 0; row < height; row++) {
      const sum = fixed.reduce((sum, weight, k) => sum + weight * pixels[row * width + start + k], 2 ** 21);
      result[column * height + row] = Math.min(255, Math.max(0, Math.floor(sum / 2 ** 22)));
    }
  }
  return { width: height, height: newWidth, pixels: result };
}

/** The part of an image from column x and row y on; zeros outside the image. */
function crop(image, x, y, width, height) {
  const pixels = new Uint8Array(width * height);
  for (let row = Math.max(0, -y); row < Math.min(height, image.height - y); row++)
    for (let column = Math.max(0, -x); column < Math.min(width, image.width - x); column++)
      pixels[row * width + column] = image.pixels[(row + y) * image.width + column + x];
  return { width, height, pixels };
}

/** Ink from 0 to 255 in MNIST's format, 28 · 28 pixels; null without ink. */
function center(image) {
  let left = Infinity, right = -1, top = Infinity, bottom = -1;
  image.pixels.forEach((pixel, at) => {
    if (pixel <= 25.5) return; // RIM
    const x = at % image.width, y = Math.floor(at / image.width);
    [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
  });
  if (right < 0) return null;
  let digit = crop(image, left, top, right - left + 1, bottom - top + 1);
  const scale = BOX / Math.max(digit.width, digit.height);
  const [width, height] = [digit.width, digit.height].map((side) => Math.max(1, round(side * scale)));
  // Pillow resizes along the rows first, but tall images along the columns.
  const passes = digit.height > 2 * digit.width ? [digit.width, height, width, height] : [width, height];
  for (const size of passes) digit = resize(digit, size);
  let mass = 0, x = 0, y = 0;
  digit.pixels.forEach((pixel, at) => {
    mass += pixel;
    x += pixel * (at % width);
    y += pixel * Math.floor(at / width);
  });
  const corner = (middle, side) => Math.min(Math.max(round(14 - middle), 0), 28 - side);
  const { pixels } = crop(digit, -corner(x / mass, width), -corner(y / mass, height), 28, 28);
  const largest = pixels.reduce((a, b) => Math.max(a, b));
  return pixels.map((pixel) => round((255 * pixel) / largest));
}

// ---- The page.

const paper = element("paper"), pen = paper.getContext("2d", { willReadFrequently: true });
const names = network.classNames, bars = [];
const MOST_BARS = 12, SHOWN = names.length > MOST_BARS ? 10 : names.length; // of many classes, only the most probable get bars
const STRIPS = { // what the page shows of each unit, if the cell has it
  i: "input gate i: 1 lets the candidate in",
  f: "forget gate f: 1 keeps the memory",
  z: "update gate z: 1 keeps the memory",
  r: "reset gate r: 0 hides the memory from the candidate",
  g: "candidate g: what would be added",
  o: "output gate o: 1 shows the memory",
  cell_state: "cell_state: the memory",
  hidden: network.cell === "lstm" ? "hidden: what is shown of the memory" : "hidden: the memory, which is also the output",
};
const strips = {}; // by name: the canvas and the text for the mean
const BLUE = [0, 114, 178], ORANGE = [230, 159, 0];
let seen = null, steps = null, rows = null; // the drawing as the network sees it; its states and probabilities after each row
let scheduled = false;

function update() {
  scheduled = false;
  const { data } = pen.getImageData(0, 0, PAPER, PAPER);
  const ink = new Uint8Array(PAPER * PAPER).map((_, at) => data[4 * at + 3]); // the opacity
  seen = center({ width: PAPER, height: PAPER, pixels: ink });
  steps = seen && read(seen);
  rows = seen && steps.map((step) => softmax(step.logits));
  show();
}

/** Fill a small canvas; `color(at)` gives red, green, blue and opacity. */
function paint(canvas, color) {
  const image = new ImageData(canvas.width, canvas.height);
  for (let at = 0; at < canvas.width * canvas.height; at++) image.data.set(color(at), 4 * at);
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function show() {
  const chosen = Number(element("row").value), final = rows && predictedClass(rows.at(-1));
  const commit = rows && commitRow(rows), predicted = rows && rows.map(predictedClass);
  paint(element("seen"), (at) => { const grey = seen ? seen[at] : 0; return [grey, grey, grey, 255]; });
  paint(element("heat"), (at) => {
    const row = Math.floor(at / names.length), label = at % names.length;
    return [...(rows && predicted[row] === label ? [0, 158, 115] : [128, 128, 128]), rows ? 255 * rows[row][label] : 0];
  });
  element("chosen").textContent = element("inside-row").textContent = chosen;
  element("unread").style.top = `${(100 * chosen) / ROWS}%`;
  element("commit").hidden = !rows;
  element("commit").style.top = `calc(${(100 * (commit - 1)) / ROWS}% - 1px)`;
  element("answer").textContent = rows ? `${names[final]} · ${(100 * rows.at(-1)[final]).toFixed(0)} %` : "Your drawing";
  element("answer").className = rows ? "known" : "";
  element("sentence").textContent = rows
    ? `From row ${commit} (the commit row) on, the predicted class is ${names[final]} and never changes again.`
    : "The paper is empty.";
  const labels = [...names.keys()];
  if (rows && SHOWN < names.length) labels.sort((a, b) => rows[chosen - 1][b] - rows[chosen - 1][a]);
  bars.forEach(([bar, percent, name], at) => {
    const label = labels[at], probability = rows ? rows[chosen - 1][label] : 0;
    name.textContent = names[label];
    bar.style.setProperty("--p", probability);
    bar.className = rows && predicted[chosen - 1] === label ? "predicted" : "";
    percent.textContent = rows ? `${(100 * probability).toFixed(1)} %` : "";
  });
  showInside(chosen, final);
  const now = rows && predicted[chosen - 1]; // a screen reader speaks this instead of the bars
  element("row").ariaValueText = rows ? `${chosen}: ${names[now]}, ${(100 * rows[chosen - 1][now]).toFixed(0)} %` : `${chosen}`;
}

/** The evidence of every row, and the gates and states of every unit after the chosen one. */
function showInside(chosen, final) {
  const canvas = element("evidence"), half = canvas.width / 2;
  const nats = rows && evidence(steps).map((row) => row[final]);
  const widest = rows && Math.max(1, ...nats.map(Math.abs)); // fills half of the width; small changes stay small
  element("nats").textContent = rows ? `evidence\n±${widest.toFixed(1)} nats` : "evidence\n ";
  paint(canvas, (at) => {
    const x = (at % canvas.width) - half + 0.5, change = rows ? (nats[Math.floor(at / canvas.width)] / widest) * half : 0;
    if (Math.abs(x) < 1) return [128, 128, 128, 255];
    return [...(change > 0 ? BLUE : ORANGE), x * change > 0 && Math.abs(x) < Math.abs(change) ? 255 : 0];
  });
  const [layer, last] = [Number(element("layer").value), network.layers - 1];
  const rival = rows && predictedClass(rows.at(-1).map((p, label) => (label === final ? -1 : p)));
  const values = rows && (layer === last ? contributions(steps, final, rival) : steps.at(-1).states[layer].hidden);
  const order = rows && [...values.keys()].sort((a, b) => values[a] - values[b]);
  for (const [name, [strip, mean]] of Object.entries(strips)) {
    const units = steps && steps[chosen - 1].states[layer][name], largest = name === "cell_state" ? 2 : 1;
    paint(strip, (at) => {
      const value = units ? units[order[at]] / largest : 0;
      return [...(value < 0 ? ORANGE : BLUE), 255 * Math.min(1, Math.abs(value))];
    });
    mean.textContent = units ? (units.reduce((sum, value) => sum + Math.abs(value), 0) / units.length).toFixed(2) : "";
  }
  const by = layer === last ? `what they add to the decision for ${names[final]} (right) rather than ${names[rival]} (left)` : "hidden";
  element("units").textContent = rows
    ? `One column for each of the ${network.units} units, sorted by ${by} after the last row; the number is the mean of their absolute values.`
    : "Draw something to see them.";
}

function draw(from, to) {
  Object.assign(pen, { lineWidth: PEN, lineCap: "round" });
  pen.beginPath();
  pen.moveTo(...from);
  pen.lineTo(...to);
  pen.stroke();
  pen.beginPath(); // a dot, because a line without length leaves nothing
  pen.arc(...to, PEN / 2, 0, 2 * Math.PI);
  pen.fill();
  if (!scheduled) requestAnimationFrame(update); // at most one prediction for each frame
  scheduled = true;
}

function clear() {
  pen.clearRect(0, 0, PAPER, PAPER);
  if (down) movePen(" "); // lifts the keyboard's pen
  update();
}

let pointer = null, last = null; // the pointer that is drawing, and where it was
const position = (event) => {
  const { left, top, width, height } = paper.getBoundingClientRect();
  return [((event.clientX - left) * PAPER) / width, ((event.clientY - top) * PAPER) / height];
};
paper.addEventListener("pointerdown", (event) => {
  if (pointer !== null || event.button !== 0) return;
  paper.setPointerCapture(event.pointerId);
  [pointer, last] = [event.pointerId, position(event)];
  draw(last, last);
});
paper.addEventListener("pointermove", (event) => {
  if (event.pointerId !== pointer) return;
  for (const each of event.getCoalescedEvents?.() ?? [event]) draw(last, (last = position(each)));
});
for (const type of ["pointerup", "pointercancel"])
  paper.addEventListener(type, (event) => { if (event.pointerId === pointer) pointer = null; });

let place = [PAPER / 2, PAPER / 2], down = false; // the keyboard's pen
const moves = { ArrowLeft: [-8, 0], ArrowRight: [8, 0], ArrowUp: [0, -8], ArrowDown: [0, 8] };
function movePen(key) {
  const from = place;
  if (key in moves) place = place.map((x, axis) => Math.min(Math.max(x + moves[key][axis], 0), PAPER));
  if (key === " ") down = !down;
  if (down) draw(from, place);
  element("pen").className = down ? "down" : "";
  Object.assign(element("pen").style, { left: `${(100 * place[0]) / PAPER}%`, top: `${(100 * place[1]) / PAPER}%` });
}
paper.addEventListener("keydown", (event) => {
  if (["Delete", "Backspace", "Escape"].includes(event.key)) clear();
  else if (event.key in moves || event.key === " ") movePen(event.key);
  else return;
  event.preventDefault();
});
element("clear").addEventListener("click", clear);
element("row").addEventListener("input", show);
element("layer").addEventListener("change", show);
for (const type of ["pointerdown", "pointermove"]) element("rows").addEventListener(type, (event) => { // the row under the pointer
  const { top, height } = element("seen").getBoundingClientRect(), row = Math.ceil((ROWS * (event.clientY - top)) / height);
  if (row < 1 || row > ROWS || row === Number(element("row").value)) return;
  element("row").value = row;
  show();
});

function add(parent, tag, text = "") {
  const child = parent.appendChild(document.createElement(tag));
  child.textContent = text;
  return child;
}

element("reader").textContent = { lstm: "An LSTM", gru: "A GRU", rnn: "A simple RNN" }[network.cell];
document.title = `${element("reader").textContent} reads your drawing row by row`;
if (names.join("") !== "0123456789") element("heading").textContent = "Draw a picture";
if (names.some((name) => name.length > 2)) element("classes").className = "long";
element("heat").width = names.length;
element("heat").ariaLabel = `Probabilities of the ${names.length} classes after each of 28 rows`;
element("classes").style.gridTemplateColumns = `repeat(${names.length}, minmax(0, 1fr))`;
const apart = names.length > MOST_BARS ? Math.ceil(names.length / 10) : 1; // of many classes, the heat map names every second, third, ...
names.forEach((name, label) => add(element("classes"), "span", label % apart ? "" : name).title = name);
for (const name of names.slice(0, SHOWN)) {
  const text = add(element("bars"), "span", name);
  bars.push([add(add(element("bars"), "span"), "i"), add(element("bars"), "span"), text]);
  bars.at(-1)[1].className = "percent";
}
if (SHOWN < names.length) element("most").textContent = `The ${SHOWN} most probable of ${names.length} classes.`;
for (const row of [1, 7, 14, 21, 28]) add(element("scale"), "span", row).style.top = `${(100 * (row - 0.5)) / ROWS}%`;
for (let layer = 1; layer <= network.layers; layer++) add(element("layer"), "option", layer).value = layer - 1;
element("layer").value = network.layers - 1;
element("layers").hidden = network.layers === 1;
const [blank] = read(new Uint8Array(ROWS * ROWS))[0].states; // has what the cell has
for (const [name, meaning] of Object.entries(STRIPS).filter(([name]) => name in blank)) {
  add(element("strips"), "span", meaning);
  const mean = add(element("strips"), "span"), strip = add(element("strips"), "canvas");
  Object.assign(strip, { width: network.units, height: 1, role: "img", ariaLabel: meaning });
  mean.className = "mean";
  strips[name] = [strip, mean];
}
add(element("note"), "span", ` Network: ${network.title}.`);
if (network.lossRows === "last")
  add(element("note"), "span", " It was trained on its last row alone, so its predictions after earlier rows mean nothing.");
movePen("");
update();
