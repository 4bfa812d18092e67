// The page of regions: a polygon, a brush and pieces to pick, drawn over an image; each has a way without a mouse.
// What is drawn is kept in shares of the image, and sent as it was drawn; the table comes back from the studio.

import { by, draw, getJson, make, postJson, say, watch } from "./dom.mjs";
import { fillVerdictSlots } from "./verdict.mjs";

const board = by("drawing");
const tools = by("tools");
const underImage = by("under-image");
const canvas = by("painted");
const svg = by("drawn");
const said = by("drawing-said");
const height = Number(board.dataset.height);
const width = Number(board.dataset.width);
const BOX = 1000;
const TALL = Math.round((BOX * height) / width);
const NEAR = 22; // of the box: as far from the first point as a click closes the polygon
const FINE = 192; // pixels of the longer side of what is painted, about

const times = Math.max(height, width) > FINE ? FINE / Math.max(height, width) : Math.ceil(FINE / Math.max(height, width));
const rows = Math.max(1, Math.round(height * times));
const columns = Math.max(1, Math.round(width * times));
canvas.width = columns;
canvas.height = rows;
const paint = canvas.getContext("2d");

const state = {
  tool: "points",
  points: [], // [down, across], from 0 to 1
  closed: false,
  mask: new Uint8Array(rows * columns),
  picked: new Set(),
  pieces: null, // {labels, rows, columns, place}
  before: [],
};

const tell = (text) => { said.textContent = text; };
const clip = (share) => Math.min(1, Math.max(0, share));
const percent = (share) => String(Math.round(share * 1000) / 10);

function placeOf(event) {
  const box = board.getBoundingClientRect();
  return [clip((event.clientY - box.top) / box.height), clip((event.clientX - box.left) / box.width)];
}

// ---- What was there before each step, for "undo".

function remember() {
  state.before.push({
    points: state.points.map((one) => [...one]), closed: state.closed,
    mask: state.mask.slice(), picked: new Set(state.picked),
  });
  if (state.before.length > 60) state.before.shift();
}

function undo() {
  const last = state.before.pop();
  if (!last) return tell(say("nothing"));
  Object.assign(state, last);
  show();
}

function clear() {
  remember();
  if (state.tool === "points") Object.assign(state, { points: [], closed: false });
  else if (state.tool === "mask") state.mask = new Uint8Array(rows * columns);
  else state.picked = new Set();
  show();
}

// ---- Drawing what there is.

function show() {
  for (const part of tools.querySelectorAll(".tool")) part.hidden = !part.classList.contains(state.tool);
  showPainted();
  showPolygon();
  showPoints();
  for (const box of by("cells").querySelectorAll("input")) box.checked = state.picked.has(Number(box.value));
}

function showPainted() {
  const held = paint.createImageData(columns, rows);
  const filled = (at) => {
    held.data[4 * at] = 255; held.data[4 * at + 1] = 211; held.data[4 * at + 2] = 77; held.data[4 * at + 3] = 140;
  };
  if (state.tool === "mask") {
    for (let at = 0; at < state.mask.length; at += 1) if (state.mask[at]) filled(at);
  } else if (state.tool === "pick" && state.pieces) {
    const { labels, rows: tall, columns: wide } = state.pieces;
    for (let row = 0; row < rows; row += 1) {
      const from = Math.floor(((row + 0.5) / rows) * tall) * wide;
      for (let column = 0; column < columns; column += 1) {
        if (state.picked.has(labels[from + Math.floor(((column + 0.5) / columns) * wide)])) filled(row * columns + column);
      }
    }
  }
  paint.putImageData(held, 0, 0);
}

function showPolygon() {
  svg.replaceChildren();
  if (state.tool !== "points" || !state.points.length) return;
  const corners = state.points.map(([down, across]) => `${across * BOX},${down * TALL}`).join(" ");
  const kind = state.closed ? "polygon" : "polyline";
  svg.append(draw(kind, { points: corners, class: "under" }), draw(kind, { points: corners, class: state.closed ? "shape closed" : "shape" }));
  state.points.forEach(([down, across], number) => {
    svg.append(draw("circle", { cx: across * BOX, cy: down * TALL, r: 11, class: "handle", "data-number": number }));
  });
}

function showPoints() {
  const list = by("points");
  const held = document.activeElement?.closest("#points li");
  const where = held ? [...list.children].indexOf(held) : -1;
  const which = document.activeElement?.name ?? "";
  list.replaceChildren(...state.points.map(([down, across], at) => {
    const number = at + 1;
    const field = (name, value, set) => make("input", {
      type: "number", min: 0, max: 100, step: 0.1, name, value: percent(value), "aria-label": say(name, { number }),
      onchange: (event) => {
        const share = clip(Number(event.target.value) / 100);
        if (!Number.isFinite(share)) return;
        remember();
        set(share);
        showPolygon();
        event.target.value = percent(share);
      },
    });
    return make("li", {},
      field("down", down, (share) => { state.points[at][0] = share; }),
      field("across", across, (share) => { state.points[at][1] = share; }),
      make("button", { type: "button", class: "drop", "aria-label": say("remove_point", { number }), onclick: () => dropPoint(at) }, "×"));
  }));
  const again = where >= 0 ? list.children[Math.min(where, list.children.length - 1)] : null;
  (again?.querySelector(`input[name="${which}"]`) ?? again?.querySelector("button"))?.focus();
  by("close-shape").disabled = state.points.length < 3 || state.closed;
}

function dropPoint(at) {
  remember();
  state.points.splice(at, 1);
  if (state.points.length < 3) state.closed = false;
  show();
  if (!state.points.length) by("add-point").focus();
}

function addPoint(point) {
  remember();
  state.closed = false;
  state.points.push(point);
  show();
  tell(say("points", { count: state.points.length }));
}

function closeShape() {
  if (state.points.length < 3) return;
  remember();
  state.closed = true;
  show();
  tell(say("closed"));
  by("region-name").focus();
}

// ---- Mouse, pen and finger.

let dragged = -1;
let painting = null;

board.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  event.preventDefault();
  board.setPointerCapture(event.pointerId);
  const point = placeOf(event);
  if (state.tool === "points") pressPoint(point);
  else if (state.tool === "mask") { remember(); painting = point; dab(point, point); showPainted(); }
  else pick(point);
});

board.addEventListener("pointermove", (event) => {
  if (dragged < 0 && !painting) return;
  const moves = event.getCoalescedEvents?.() ?? [];
  for (const one of moves.length ? moves : [event]) {
    const point = placeOf(one);
    if (painting) { dab(painting, point); painting = point; }
    else state.points[dragged] = point;
  }
  if (painting) showPainted(); else showPolygon();
});

for (const ended of ["pointerup", "pointercancel"]) {
  board.addEventListener(ended, () => {
    if (dragged >= 0) showPoints();
    dragged = -1;
    painting = null;
  });
}

function pressPoint(point) {
  const far = ([down, across]) => Math.hypot((down - point[0]) * TALL, (across - point[1]) * BOX);
  const at = state.points.findIndex((one) => far(one) <= NEAR);
  if (at === 0 && !state.closed && state.points.length >= 3) return closeShape();
  if (at >= 0) { remember(); dragged = at; return undefined; }
  return addPoint(point);
}

/** Paint along a line: every pixel that is near enough to it. */
function dab([down, across], [downTo, acrossTo]) {
  const reach = (Number(by("brush-size").value) / 200) * columns;
  const value = by("erase").checked ? 0 : 1;
  const steps = Math.max(1, Math.ceil(Math.hypot((downTo - down) * rows, (acrossTo - across) * columns) / Math.max(1, reach / 2)));
  for (let step = 0; step <= steps; step += 1) {
    const y = (down + ((downTo - down) * step) / steps) * rows;
    const x = (across + ((acrossTo - across) * step) / steps) * columns;
    for (let row = Math.max(0, Math.floor(y - reach)); row < Math.min(rows, y + reach); row += 1) {
      for (let column = Math.max(0, Math.floor(x - reach)); column < Math.min(columns, x + reach); column += 1) {
        if (Math.hypot(row + 0.5 - y, column + 0.5 - x) <= Math.max(reach, 0.75)) state.mask[row * columns + column] = value;
      }
    }
  }
}

// ---- Pieces: cells of a grid, or the segments of an image.

function gridPieces() {
  const count = Number(board.dataset.cells);
  return { labels: Array.from({ length: count * count }, (_, at) => at), rows: count, columns: count, place: null };
}

async function segmentPieces(place) {
  const { rows: tall, columns: wide, runs } = await getJson(`/regions/segments/${place}.json`);
  const labels = new Int32Array(tall * wide);
  for (let at = 0, run = 0; run < runs.length; run += 2) {
    labels.fill(runs[run], at, at + runs[run + 1]);
    at += runs[run + 1];
  }
  return { labels, rows: tall, columns: wide, place };
}

function setPieces(pieces) {
  state.pieces = pieces;
  state.picked = new Set();
  state.before = [];
  const numbers = [...new Set(pieces.labels)].sort((one, other) => one - other);
  const name = (number) => (pieces.place === null
    ? say("cell", { row: Math.floor(number / pieces.columns) + 1, column: (number % pieces.columns) + 1 })
    : say("segment", { number }));
  const list = by("cells");
  list.className = pieces.place === null ? "grid" : "list";
  list.replaceChildren(...numbers.map((number) => make("label", {},
    make("input", { type: "checkbox", value: number, onchange: () => toggle(number) }),
    make("span", { class: pieces.place === null ? "unseen" : "" }, name(number)))));
  show();
}

function toggle(number) {
  remember();
  if (state.picked.has(number)) state.picked.delete(number);
  else state.picked.add(number);
  show();
}

function pick([down, across]) {
  const { labels, rows: tall, columns: wide } = state.pieces;
  const row = Math.min(tall - 1, Math.floor(down * tall));
  const column = Math.min(wide - 1, Math.floor(across * wide));
  toggle(labels[row * wide + column]);
}

// ---- What is drawn over.

async function chooseUnder() {
  const chosen = by("under").value;
  underImage.src = `/regions/under/${chosen}.webp`;
  const common = Number(board.dataset.segments);
  const place = /^\d+$/.test(chosen) ? Number(chosen) : common;
  try {
    setPieces(place >= 0 ? await segmentPieces(place) : gridPieces());
  } catch (error) {
    tell(say("failed", { why: error.message }));
    setPieces(gridPieces());
  }
}

underImage.addEventListener("error", () => tell(say("no_image")));

// ---- Keeping it.

function runsOf(mask) {
  const runs = [];
  let value = 0;
  let length = 0;
  for (const one of mask) {
    if (one === value) length += 1;
    else { runs.push(length); value = one; length = 1; }
  }
  runs.push(length);
  return runs;
}

function shapeOf() {
  if (state.tool === "points") return { points: state.points };
  if (state.tool === "mask") return { mask: { rows, columns, runs: runsOf(state.mask) } };
  const numbers = [...state.picked];
  const { place, rows: tall, columns: wide } = state.pieces;
  return place === null ? { cells: { rows: tall, columns: wide, numbers } } : { segments: { place, numbers } };
}

let last = ""; // name of the region that was kept last
const drawnRows = () => [...document.querySelectorAll('#regions-table tr[data-origin="drawn"]')];

async function change(address, value, done) {
  try {
    const told = await postJson(address, value);
    await showTable();
    tell([done, ...(told.said ?? [])].join(" "));
    return true;
  } catch (error) {
    tell(say("failed", { why: error.message }));
    return false;
  }
}

async function keep(event) {
  event.preventDefault();
  const name = by("region-name").value;
  if (!(await change("/api/regions", { name, ...shapeOf() }, say("kept", { name })))) return;
  Object.assign(state, { points: [], closed: false, mask: new Uint8Array(rows * columns), picked: new Set(), before: [] });
  by("region-name").value = "";
  last = name.trim();
  show();
  showKept();
}

/** The page as it is now: its table and sentences take the place of the old ones. */
async function showTable() {
  const response = await fetch(location.pathname);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const id of ["all-regions", "drawing-honest"]) by(id)?.replaceWith(document.adoptNode(page.getElementById(id)));
  showKept();
  await fillVerdictSlots();
}

/** Let a job ask blame: this is the press that lets the model be loaded. */
async function askBlame(button) {
  button.disabled = true;
  try {
    const { number } = await postJson("/api/jobs", { kind: "blame", options: { regions: "drawn" }, load: true });
    tell(say("blaming"));
    await watch("/api/jobs", ({ jobs }) => {
      const job = jobs.find((one) => one.number === number);
      if (job?.error) throw new Error(job.error);
      return job?.state !== "running";
    });
    await showTable();
    tell(say("blamed"));
  } catch (error) {
    tell(say("failed", { why: error.message }));
    button.disabled = false;
  }
}

document.addEventListener("click", async (event) => {
  if (event.target.closest?.("#blame-drawn")) { askBlame(event.target.closest("#blame-drawn")); return; }
  const row = event.target.closest?.("#regions-table tr");
  const button = event.target.closest?.("button");
  if (!row || !button) return;
  const { number, region: name } = row.dataset;
  if (button.classList.contains("remove") && window.confirm(say("sure", { name }))) {
    await change(`/api/regions/${number}/remove`, {}, say("removed", { name }));
    by("all-head").focus();
  } else if (button.classList.contains("rename")) {
    const other = window.prompt(say("ask_name", { name }), name);
    if (other !== null) await change(`/api/regions/${number}/rename`, { name: other }, say("renamed", { name: other }));
  }
});

/** Where a row's region lies, as long as the row is pointed at or holds the focus; else the one kept last. */
function showBeside(event) {
  const row = event?.target.closest?.("#regions-table tbody tr") ??
    drawnRows().find((one) => one.dataset.region === last);
  by("beside").querySelector(".one").setAttribute("d", row?.dataset.outline ?? "");
}

/** Where all drawn regions lie, faintly. */
function showKept() {
  by("beside").querySelector(".kept").setAttribute("d", drawnRows().map((row) => row.dataset.outline).join(" "));
  showBeside();
}
for (const seen of ["pointerover", "focusin"]) document.addEventListener(seen, showBeside);

tools.addEventListener("submit", keep);
by("undo").addEventListener("click", undo);
by("clear-shape").addEventListener("click", clear);
by("close-shape").addEventListener("click", closeShape);
by("add-point").addEventListener("click", () => {
  addPoint([0.5, 0.5]);
  by("points").lastElementChild.querySelector("input").focus();
});
for (const radio of tools.querySelectorAll("input[name=tool]")) {
  radio.addEventListener("change", () => { state.tool = radio.value; show(); });
}
by("under").addEventListener("change", chooseUnder);
state.tool = tools.querySelector("input[name=tool]:checked").value;
showKept();
await Promise.all([chooseUnder(), fillVerdictSlots()]);
