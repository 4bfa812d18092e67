// What the page can do beyond being read: filter, sort, turn pages, paint heat, keys, a link to the selection.
// Everything is in the page already; nothing is asked of a network, and no text becomes markup.

const PAGE = 60;
const SVG = "http://www.w3.org/2000/svg";
const NAMES = ["id", "place", "label", "predicted", "right", "score", "hidden", "scores", "width", "height",
  "map", "values", "limit", "leading", "group", "warnings"];

const by = (id) => document.getElementById(id);
const data = JSON.parse(by("data").textContent);
const words = data.words;
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (all, name) => (name in values ? values[name] : all));
const images = data.images.map((row, at) => {
  const made = { at };
  NAMES.forEach((name, place) => { made[name] = row[place]; });
  return made;
});
const className = (number) => data.classes[number] ?? String(number);
const make = (tag, kind, text) => {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  if (text !== undefined) made.textContent = text;
  return made;
};
const named = (text) => {
  const made = make("bdi", "name", text);
  made.title = text;
  return made;
};
const number = (value, sign = false) => {
  if (value === null) return "–";
  const size = Math.abs(value);
  const short = size && (size < 1e-4 || size >= 1e6) ? size.toExponential(1) : String(Number(size.toPrecision(2)));
  return (value < 0 ? "−" : sign && value > 0 ? "+" : "") + short;
};
/** A score: two decimals where they say enough, so that those side by side are alike. */
const scored = (value) => {
  if (value === null || Math.abs(value) < 0.1 || Math.abs(value) >= 100) return number(value);
  return (value < 0 ? "−" : "") + Math.abs(value).toFixed(2);
};

// ---- The selection, which the fragment of the address holds.

const EMPTY = { label: "", predicted: "", outcome: "", group: "", sort: "", find: "", page: 0, open: "" };
const DRAWN = { view: "heat", sign: "", opacity: 80, threshold: 0 };
let state = { ...EMPTY, ...DRAWN };
let chosen = images;

function readFragment() {
  const text = location.hash.slice(1);
  if (text && !text.includes("=")) return;
  const told = new URLSearchParams(text);
  const next = { ...EMPTY, ...DRAWN };
  for (const [name, value] of told) {
    if (!(name in next)) continue;
    next[name] = typeof next[name] === "number" ? Math.max(0, Math.min(1e6, Math.round(Number(value)) || 0)) : value;
  }
  if (!["heat", "mask", "image"].includes(next.view)) next.view = "heat";
  state = next;
}

function writeFragment() {
  const told = new URLSearchParams();
  const usual = { ...EMPTY, ...DRAWN };
  for (const name of Object.keys(usual)) {
    if (String(state[name]) !== String(usual[name])) told.set(name, state[name]);
  }
  const text = told.toString();
  const now = location.hash.slice(1);
  if (text === now || (!text && !now.includes("="))) return;
  try {
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  } catch {
    location.hash = text;
  }
}

const wanted = (image) =>
  (state.label === "" || String(image.label) === state.label) &&
  (state.predicted === "" || String(image.predicted) === state.predicted) &&
  (state.outcome === "" || image.right === (state.outcome === "right" ? 1 : 0)) &&
  (state.group === "" || String(image.group) === state.group) &&
  (state.find === "" || image.id.toLowerCase().includes(state.find.toLowerCase()));

// What the model gave the class that it chose; what is explained may be on another scale.
const given = (image) => (image.scores.find(([one]) => one === image.predicted) ?? [0, image.score])[1];

// How much more the model gave the class that it chose than the true one; right answers come after all wrong ones.
const misled = (image) => {
  if (image.right) return -Infinity;
  const truth = image.scores.find(([one]) => one === image.label);
  return (given(image) ?? 0) - (truth ? truth[1] : 0);
};
const ORDERS = {
  misled: (one, other) => misled(other) - misled(one) || one.at - other.at,
  unsure: (one, other) => (given(one) ?? 0) - (given(other) ?? 0) || one.at - other.at,
  class: (one, other) => one.label - other.label || one.predicted - other.predicted || one.at - other.at,
};

// ---- Painting.

const decoded = new Map();
function imagePixels(kind, text, width, height) {
  const key = kind + text;
  if (!decoded.has(key)) {
    if (decoded.size > 400) decoded.clear();
    decoded.set(key, (async () => {
      const shown = new Image();
      shown.src = `data:image/${kind};base64,${text}`;
      await shown.decode();
      const canvas = make("canvas");
      canvas.width = width;
      canvas.height = height;
      const context = canvas.getContext("2d", { willReadFrequently: true });
      context.drawImage(shown, 0, 0, width, height);
      return context.getImageData(0, 0, width, height);
    })());
  }
  return decoded.get(key);
}

async function paint(canvas, image, view, job = () => true) {
  const text = data.pixels[image.at];
  canvas.width = image.width || 96;
  canvas.height = image.height || 96;
  if (!text) return;
  const map = image.map < 0 ? null : data.maps[image.map];
  const [under, ids] = await Promise.all([
    imagePixels("webp", text, canvas.width, canvas.height),
    map && view !== "image" ? imagePixels("png", map[0], map[1], map[2]) : null,
  ]);
  if (!job()) return;
  const painted = new ImageData(canvas.width, canvas.height);
  if (ids) blendHeat(painted.data, under, ids, image, { ...state, view });
  else painted.data.set(under.data);
  canvas.getContext("2d").putImageData(painted, 0, 0);
}

// ---- The grid.

let turn = 0;
// An error of 0 is one that no method told.
const withError = (value, error) => number(value, true) + (error ? ` ± ${number(error)}` : "");
function heatWords(image) {
  const told = (some) => some.map(([segment, value, error]) =>
    `${fill(words.segment, { number: segment })} ${withError(value, error)}`).join(", ");
  const speaks = image.leading.filter((one) => one[1] > 0).slice(0, 2);
  const against = image.leading.filter((one) => one[1] < 0).slice(0, 2);
  return [
    speaks.length ? fill(words.speaksFor, { what: told(speaks) }) : "",
    against.length ? fill(words.speaksAgainst, { what: told(against) }) : "",
  ].filter(Boolean).join("; ");
}

const calledText = (image) =>
  fill(words.called, { label: className(image.label), predicted: className(image.predicted) });

function tile(image, mine) {
  const button = make("button", "tile");
  button.type = "button";
  button.dataset.at = image.at;
  const stack = make("span", "stack");
  const canvas = make("canvas");
  canvas.setAttribute("aria-hidden", "true");
  stack.append(canvas);
  const said = make("span", "tile-words");
  const label = named(className(image.label)), predicted = named(className(image.predicted));
  if (image.right) {
    said.append(label);
  } else {
    predicted.classList.add("wrong");
    predicted.prepend("→ ");
    said.append(label, predicted);
  }
  said.append(make("span", "quiet", `${image.right ? words.right : words.wrong} ${scored(given(image))}`));
  button.append(stack, said);
  button.setAttribute("aria-label",
    [image.id, calledText(image), image.right ? words.right : words.wrong, `${words.score} ${scored(given(image))}`,
      heatWords(image)].filter(Boolean).join("; "));
  button.addEventListener("click", () => openOne(image));
  paint(canvas, image, state.view, () => mine === turn);
  return button;
}

const pages = () => Math.max(1, Math.ceil(chosen.length / PAGE));

function show() {
  turn += 1;
  chosen = images.filter(wanted);
  if (ORDERS[state.sort]) chosen.sort(ORDERS[state.sort]);
  state.page = Math.min(state.page, pages() - 1);
  const shown = chosen.slice(state.page * PAGE, (state.page + 1) * PAGE);
  const tiles = by("tiles");
  tiles.replaceChildren(...shown.map((image) => tile(image, turn)));
  if (!shown.length) tiles.append(make("p", "quiet", words.nothingShown));
  by("count").textContent = fill(words.shown,
    { shown: chosen.length.toLocaleString("en"), all: images.length.toLocaleString("en") });
  by("page").textContent = fill(words.page, { page: state.page + 1, pages: pages() });
  by("before").disabled = state.page === 0;
  by("after").disabled = state.page >= pages() - 1;
  const filtered = ["label", "predicted", "outcome", "group", "find"].some((name) => state[name] !== "");
  document.documentElement.classList.toggle("filtered", filtered);
  document.documentElement.classList.toggle("selected", filtered || state.page > 0 || state.sort !== "");
  by("clear").disabled = !filtered && state.sort === "";
  for (const name of ["label", "predicted", "outcome", "group", "sort", "find", "view", "sign", "opacity", "threshold"]) {
    const input = by(name);
    if (input && input !== document.activeElement) input.value = state[name];
  }
  by("threshold-said").textContent = `${state.threshold}%`;
  for (const cell of document.querySelectorAll(".matrix button")) {
    const { label, predicted } = cell.parentElement.dataset;
    cell.setAttribute("aria-pressed", String(state.label === label && state.predicted === predicted));
  }
  for (const group of document.querySelectorAll(".group[data-group]")) {
    const pairs = data.groups[Number(group.dataset.group)];
    group.hidden = !pairs.some(([label, said]) =>
      (state.label === "" || String(label) === state.label) && (state.predicted === "" || String(said) === state.predicted));
  }
  writeFragment();
}

function change(some) {
  state = { ...state, page: 0, ...some };
  show();
}

let waiting = 0;
function redraw(some) {
  state = { ...state, ...some };
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(() => {
    if (by("one").open) paintOne(images[Number(state.open)]);
    show();
  });
}

// ---- One image.

function bar(value, error, limit) {
  const chart = document.createElementNS(SVG, "svg");
  const put = (tag, values) => {
    const made = document.createElementNS(SVG, tag);
    for (const [name, one] of Object.entries(values)) made.setAttribute(name, one);
    chart.append(made);
  };
  const x = (one) => 110 + 103 * Math.max(-1, Math.min(1, limit ? one / limit : 0));
  chart.setAttribute("class", "chart");
  chart.setAttribute("viewBox", "0 0 220 24");
  chart.setAttribute("aria-hidden", "true");
  put("rect", { class: value > 0 ? "for" : "against", x: Math.min(110, x(value)), y: 6, width: Math.abs(x(value) - 110), height: 12 });
  if (error) put("line", { class: "error", x1: x(value - 1.96 * error), x2: x(value + 1.96 * error), y1: 12, y2: 12 });
  put("line", { class: "zero", x1: 110, x2: 110, y1: 0, y2: 24 });
  return chart;
}

// The numbers of the leading segments.
async function mark(image) {
  const marks = by("one-marks");
  marks.replaceChildren();
  if (image.map < 0 || !data.pixels[image.at]) return;
  const [text, width, height] = data.maps[image.map];
  const ids = await imagePixels("png", text, width, height);
  if (state.open !== String(image.at)) return;
  marks.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const leading = image.leading.map(([segment]) => segment);
  const drawn = segmentMiddles(ids, leading).map(([segment, x, y]) => {
    const made = document.createElementNS(SVG, "text");
    made.setAttribute("x", x);
    made.setAttribute("y", y);
    made.setAttribute("font-size", 0.08 * Math.max(width, height));
    made.textContent = segment;
    return made;
  });
  marks.replaceChildren(...drawn);
}

function paintOne(image) {
  paint(by("one-image"), image, "image");
  paint(by("one-heat"), image, "heat");
  paint(by("one-mask"), image, "mask");
}

function openOne(image) {
  state.open = String(image.at);
  by("one-head").replaceChildren(named(className(image.label)), " → ", named(className(image.predicted)), " ",
    make("span", "quiet", image.right ? words.right : words.wrong));
  by("one-name").textContent = image.id;
  by("one-name").title = image.id;
  by("one-heat").setAttribute("aria-label", heatWords(image) || words.unreadable);
  by("one-scale").textContent = fill(words.scale, { limit: number(image.limit) });
  by("one-scores").replaceChildren();
  image.scores.forEach(([one, score], place) => {
    by("one-scores").append(place ? " · " : "", named(className(one)), ` ${scored(score)}`);
  });
  by("one-explained").textContent = fill(words.explained, { score: scored(image.score), hidden: scored(image.hidden) });
  const limit = Math.max(0, ...image.leading.map(([, value, error]) => Math.abs(value ?? 0) + 1.96 * (error ?? 0)));
  by("one-values").replaceChildren(...image.leading.map(([segment, value, error]) => {
    const row = make("tr");
    const head = make("th", "", String(segment));
    head.scope = "row";
    const drawn = make("td");
    drawn.append(bar(value ?? 0, error ?? 0, limit));
    row.append(head, drawn, make("td", "figure", withError(value, error)));
    return row;
  }));
  const notes = data.pixels[image.at] ? image.warnings : [words.unreadable, ...image.warnings];
  by("one-notes").replaceChildren(...notes.map((text) => make("p", "note", text)));
  const at = chosen.indexOf(image);
  by("one-place").textContent = fill(words.place, { place: at + 1, all: chosen.length });
  by("one-before").disabled = at <= 0;
  by("one-after").disabled = at < 0 || at >= chosen.length - 1;
  by("one-controls").append(by("controls"));
  paintOne(image);
  mark(image);
  if (!by("one").open) by("one").showModal();
  writeFragment();
}

function step(by_) {
  const at = chosen.indexOf(images[Number(state.open)]) + by_;
  if (at < 0 || at >= chosen.length) return;
  if (Math.floor(at / PAGE) !== state.page) {
    state.page = Math.floor(at / PAGE);
    show();
  }
  openOne(chosen[at]);
}

function closeOne() {
  const last = by("tiles").querySelector(`[data-at="${CSS.escape(state.open)}"]`);
  state.open = "";
  by("browse").insertBefore(by("controls"), by("browse").querySelector(".turn"));
  writeFragment();
  if (last) last.focus();
}

// ---- Keys.

const cycle = (name, values) => values[(values.indexOf(state[name]) + 1) % values.length];
const within = (value, least, most) => Math.max(least, Math.min(most, value));
const turnPage = (by_) => {
  const page = within(state.page + by_, 0, pages() - 1);
  if (page !== state.page) change({ page });
};
function move(by_) {
  const tiles = [...document.querySelectorAll(".tile")];
  const at = tiles.indexOf(document.activeElement);
  const next = tiles[at < 0 ? 0 : within(at + by_, 0, tiles.length - 1)];
  if (next) next.focus();
}
function across() {
  const tiles = [...document.querySelectorAll(".tile")];
  return Math.max(1, tiles.findIndex((one) => one.offsetTop > tiles[0].offsetTop));
}
const KEYS = {
  j: () => (by("one").open ? step(1) : move(1)),
  k: () => (by("one").open ? step(-1) : move(-1)),
  n: () => turnPage(1),
  p: () => turnPage(-1),
  w: () => change({ outcome: cycle("outcome", ["", "wrong", "right"]) }),
  m: () => change({ sort: state.sort === "misled" ? "" : "misled" }),
  h: () => redraw({ view: cycle("view", ["heat", "mask", "image"]) }),
  s: () => redraw({ sign: cycle("sign", ["", "for", "against"]) }),
  "[": () => redraw({ threshold: within(state.threshold + 5, 0, 95) }),
  "]": () => redraw({ threshold: within(state.threshold - 5, 0, 95) }),
  "-": () => redraw({ opacity: within(state.opacity - 10, 0, 100) }),
  "+": () => redraw({ opacity: within(state.opacity + 10, 0, 100) }),
  "=": () => redraw({ opacity: within(state.opacity + 10, 0, 100) }),
  x: () => change({ ...EMPTY }),
  "?": () => (by("keys").open ? by("keys").close() : by("keys").showModal()),
};
const ARROWS = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: () => -across() };

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const typing = event.target.closest?.("select, textarea, input:not([type=checkbox])");
  if (event.key in ARROWS && !typing) {
    const way = ARROWS[event.key];
    const steps = typeof way === "number" ? way : way();
    if (by("one").open && typeof way === "number") step(steps);
    else if (document.activeElement?.classList.contains("tile")) move(steps);
    else return;
    event.preventDefault();
    return;
  }
  if (typing || !by("keys-on").checked) return;
  if (by("keys").open && event.key !== "?") return;
  const does = KEYS[event.key];
  if (does) {
    event.preventDefault();
    does();
  }
}

// ---- Begin.

function options(id, first, entries) {
  const select = by(id);
  if (!select) return;
  const put = (value, text) => {
    const one = make("option", "", text.length > 60 ? `${text.slice(0, 59)}…` : text);
    one.value = value;
    select.append(one);
  };
  put("", first);
  for (const [value, text] of entries) put(String(value), text);
}

function start() {
  const occurring = (name) => [...new Set(images.map((image) => image[name]))].sort((one, other) => one - other);
  options("label", words.everyClass, occurring("label").map((one) => [one, className(one)]));
  options("predicted", words.everyClass, occurring("predicted").map((one) => [one, className(one)]));
  options("group", words.everyGroup, data.groups.map((_, at) => [at, fill(words.group, { number: at + 1 })]));
  for (const cell of document.querySelectorAll(".matrix td[data-label]")) {
    const { label, predicted } = cell.dataset;
    if (cell.textContent === "·") continue;
    const button = make("button", "", cell.textContent);
    button.type = "button";
    button.setAttribute("aria-label", fill(words.cell,
      { label: className(label), predicted: className(predicted), count: cell.textContent }));
    button.addEventListener("click", () => {
      const same = state.label === label && state.predicted === predicted;
      change(same ? { label: "", predicted: "" } : { label, predicted });
    });
    cell.replaceChildren(button);
  }
  for (const name of ["label", "predicted", "outcome", "group", "sort"]) {
    by(name)?.addEventListener("change", (event) => change({ [name]: event.target.value }));
  }
  by("find").addEventListener("input", (event) => change({ find: event.target.value }));
  for (const name of ["view", "sign"]) by(name).addEventListener("change", (event) => redraw({ [name]: event.target.value }));
  for (const name of ["opacity", "threshold"]) {
    by(name).addEventListener("input", (event) => redraw({ [name]: Number(event.target.value) }));
  }
  by("clear").addEventListener("click", () => change({ ...EMPTY }));
  by("before").addEventListener("click", () => turnPage(-1));
  by("after").addEventListener("click", () => turnPage(1));
  by("one-before").addEventListener("click", () => step(-1));
  by("one-after").addEventListener("click", () => step(1));
  by("one-close").addEventListener("click", () => by("one").close());
  by("one").addEventListener("close", closeOne);
  by("keys-open").addEventListener("click", () => by("keys").showModal());
  by("keys-close").addEventListener("click", () => by("keys").close());
  document.addEventListener("keydown", pressed);
  addEventListener("hashchange", () => { readFragment(); restore(); });
  by("browse").hidden = false;
  document.documentElement.classList.add("scripted");
  readFragment();
  restore();
}

function restore() {
  const { open, page } = state;
  show();
  const image = images[Number(open)];
  if (open !== "" && image) openOne(image);
  else if (by("one").open) by("one").close();
  else if (location.hash.includes("=") && page !== undefined) by("images").scrollIntoView();
}

if (by("browse")) start();
