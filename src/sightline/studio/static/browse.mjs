// All images of a study: filtered and sorted here, drawn as far as they are in sight, however many there are.

import { USUAL_SELECTION, choose, readAnswers, readMore, unreadable } from "./answers.mjs";
import { addressOf, by, data, fill, make, named, readAddress, say, scored, whole, words, writeAddress } from "./dom.mjs";
import { ImageSource, USUAL_DRAWING, readPainting } from "./heat.mjs";
import { bindDrawing, bindKeys, cycle, showDrawing } from "./heat_controls.mjs";

const USUAL = { of: "study", ...USUAL_SELECTION, ...USUAL_DRAWING };
const SIDE = 96; // pixels that a tile's image is asked for with
const WIDE = 136, NARROW = 104, GAP = 12, WORDS = 66; // of a tile, in the page's pixels
const BEYOND = 2; // rows drawn above and below what is in sight
const SETTLED = 70; // milliseconds that a tile has to stay in sight before its image is asked for
const BUDGET = 7; // milliseconds of a frame that are spent on painting

let state = readAddress(USUAL);
let answers, beside, source;
let chosen = new Uint32Array(0);
let held = false;
let current = 0;
const grid = by("grid"), list = by("tiles");
const tiles = new Map(); // by where they stand among the chosen
const className = (one) => data.classes[one] ?? String(one);

// ---- Which rows are in sight.

let across = 1, tileWidth = WIDE, tileHeight = WIDE + WORDS;

function measure() {
  const width = grid.clientWidth, least = width < 600 ? NARROW : WIDE;
  const wide = state.both && beside ? 2 * least : least;
  across = Math.max(1, Math.floor((width + GAP) / (wide + GAP)));
  tileWidth = Math.floor((width + GAP) / across) - GAP;
  tileHeight = (state.both && beside ? Math.floor(tileWidth / 2) : tileWidth) + WORDS;
  grid.style.height = `${Math.ceil(chosen.length / across) * (tileHeight + GAP)}px`;
}

function inSight() {
  const top = -grid.getBoundingClientRect().top, row = tileHeight + GAP;
  const first = Math.max(0, Math.floor(top / row) - BEYOND);
  const last = Math.ceil((top + innerHeight) / row) + BEYOND;
  return [first * across, Math.min(chosen.length, last * across)];
}

function arrange() {
  const [first, last] = inSight();
  const free = [];
  for (const [at, tile] of tiles) {
    if (at >= first && at < last) continue;
    if (tile.link === document.activeElement) continue; // it keeps the focus
    tiles.delete(at);
    free.push(tile);
  }
  for (let at = first; at < last; at += 1) {
    if (tiles.has(at)) continue;
    const tile = free.pop() ?? newTile();
    tiles.set(at, tile);
    fillTile(tile, at);
  }
  for (const tile of free) tile.item.remove();
}

let scheduled = false;
function schedule() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => { scheduled = false; arrange(); });
}

// ---- A tile.

function newTile() {
  const canvas = make("canvas", { "aria-hidden": "true" }), second = make("canvas", { "aria-hidden": "true", class: "second" });
  const said = make("span", { class: "tile-words" });
  const link = make("a", { class: "tile" }, make("span", { class: "stack" }, canvas, second), said);
  const item = make("li", {}, link);
  const tile = { item, link, canvas, second, said, turn: 0 };
  link.addEventListener("focus", () => { current = tile.at; });
  list.append(item);
  return tile;
}

function fillTile(tile, at) {
  const one = chosen[at], right = answers.label[one] === answers.predicted[one];
  tile.at = at;
  tile.turn += 1;
  const column = at % across, row = Math.floor(at / across);
  tile.item.style.transform = `translate(${column * (tileWidth + GAP)}px, ${row * (tileHeight + GAP)}px)`;
  tile.item.style.width = `${tileWidth}px`;
  tile.item.style.height = `${tileHeight}px`;
  tile.item.setAttribute("aria-setsize", chosen.length);
  tile.item.setAttribute("aria-posinset", at + 1);
  tile.link.href = `/images/${answers.place[one]}${location.search}`;
  const label = className(answers.label[one]), predicted = className(answers.predicted[one]);
  const outcome = right ? words.right : words.wrong, score = scored(answers.score[one]);
  const lines = [named(label)];
  if (!right) {
    const said = named(predicted);
    said.classList.add("wrong");
    said.prepend("→ ");
    lines.push(said);
  }
  let other = "";
  if (beside && state.both && answers.beside[one] >= 0) other = say("besideSaid", { what: className(answers.besidePredicted[one]) });
  tile.said.replaceChildren(...lines, make("span", { class: "quiet" }, [`${outcome} ${score}`, other].filter(Boolean).join(" · ")));
  tile.link.setAttribute("aria-label", [answers.id(one), fill(words.called, { label, predicted }), outcome, `${words.score} ${score}`, other]
    .filter(Boolean).join("; "));
  clear(tile);
  const turn = tile.turn;
  setTimeout(() => { if (turn === tile.turn && tiles.get(at) === tile) paintTile(tile); }, SETTLED);
}

function clear(tile) {
  tile.canvas.width = tile.canvas.height = tile.second.width = tile.second.height = 1;
  tile.link.classList.remove("unreadable", "painted");
  tile.link.classList.toggle("double", Boolean(state.both && beside));
}

const how = () => (held ? { ...state, view: "image" } : state);

function paintTile(tile) {
  const one = chosen[tile.at], turn = tile.turn, wanted = () => turn === tile.turn;
  later(() => paintInto(tile.canvas, source, answers.place[one], wanted, (drawn) => {
    tile.link.classList.toggle("unreadable", !drawn);
    tile.link.classList.add("painted");
  }), wanted);
  if (beside && state.both && answers.beside[one] >= 0) {
    later(() => paintInto(tile.second, beside, answers.beside[one], wanted, () => {}), wanted);
  }
}

/** Read an image, then paint it in a turn of its own: many may be there at once. */
function paintInto(canvas, from, place, wanted, tell) {
  readPainting(from, place, SIDE, how(), wanted).then((paint) => {
    if (!wanted()) return;
    if (!paint) return tell(false);
    later(() => { paint(canvas); tell(true); }, wanted);
  }).catch(refuse);
}

// Asking and painting are spread over frames, so that scrolling never waits for them.
const jobs = [];
let working = false;
function later(does, wanted) {
  jobs.push({ does, wanted });
  if (working) return;
  working = true;
  requestAnimationFrame(work);
}
function work() {
  const end = performance.now() + BUDGET;
  while (jobs.length && performance.now() < end) {
    const { does, wanted } = jobs.shift();
    try {
      if (wanted()) does();
    } catch (error) {
      refuse(error);
    }
  }
  working = jobs.length > 0;
  if (working) requestAnimationFrame(work);
}

function refuse(error) {
  by("refused").textContent = say("refused", { why: error.message });
  by("refused").hidden = false;
}

// ---- The selection.

function showSelection({ keep = false } = {}) {
  chosen = choose(answers, state);
  const strange = unreadable(answers, state);
  by("unreadable").hidden = !strange;
  if (strange) by("unreadable").textContent = strange[0] === "region" ? say("noRegion", { name: strange[1] }) : say("unreadable", { given: strange.join("=") });
  by("count").textContent = say("shown", { shown: whole(chosen.length), all: whole(answers.count) });
  for (const name of Object.keys(USUAL_SELECTION)) {
    const input = by(name);
    if (input && input !== document.activeElement) input.value = state[name];
  }
  if (["low", "high", "region", "least", "most"].some((name) => state[name] !== "")) by("finer").open = true;
  by("clear").disabled = Object.keys(USUAL_SELECTION).every((name) => state[name] === "");
  linkSources();
  for (const kind of ["csv", "json", "parquet"]) by(`as-${kind}`).href = `/images.${kind}${location.search}`;
  if (!keep) current = 0;
  rearrange();
}

/** The other studies, with the same selection as far as it means there what it does here. */
function linkSources() {
  for (const link of document.querySelectorAll(".sources a")) {
    const { of } = link.dataset;
    const there = { ...state, of, group: "" };
    if (state.outcome === "differ" && of !== data.beside && of !== data.of) there.outcome = "";
    link.href = addressOf(there, USUAL);
  }
}

function rearrange() {
  for (const tile of tiles.values()) tile.item.remove();
  tiles.clear();
  measure();
  arrange();
}

/** A window that became longer alone, as for print, keeps what is painted. */
function resized() {
  const before = [across, tileWidth, tileHeight].join();
  measure();
  if (before === [across, tileWidth, tileHeight].join()) arrange();
  else rearrange();
}

function change(some, { step = true } = {}) {
  state = { ...state, ...some };
  writeAddress(state, USUAL, { step });
  showSelection();
}

function redraw(some) {
  const both = state.both;
  state = { ...state, ...some };
  writeAddress(state, USUAL);
  linkSources();
  showDrawing(state);
  if (both !== state.both) return rearrange();
  for (const tile of tiles.values()) {
    tile.link.href = `/images/${answers.place[chosen[tile.at]]}${location.search}`;
    tile.turn += 1;
    paintTile(tile);
  }
}

// ---- Keys.

function move(step) {
  if (!chosen.length) return;
  const focused = document.activeElement?.classList.contains("tile");
  current = Math.max(0, Math.min(chosen.length - 1, focused ? current + step : current));
  const top = grid.getBoundingClientRect().top + Math.floor(current / across) * (tileHeight + GAP);
  if (top < 0 || top + tileHeight > innerHeight) scrollBy({ top: top - (innerHeight - tileHeight) / 2, behavior: "instant" });
  arrange();
  tiles.get(current)?.link.focus({ preventScroll: true });
}

const ARROWS = { ArrowRight: () => 1, ArrowLeft: () => -1, ArrowDown: () => across, ArrowUp: () => -across };

function bind() {
  const keys = {
    ...bindDrawing(() => state, redraw),
    j: () => move(1),
    k: () => move(-1),
    w: () => change({ outcome: cycle(["", "wrong", "right"], state.outcome) }),
    m: () => change({ sort: state.sort === "misled" ? "" : "misled" }),
    x: () => change({ ...USUAL_SELECTION }),
  };
  bindKeys(keys, {
    hold: (now) => { held = now; redraw({}); },
    arrows: (key) => {
      const focused = document.activeElement?.classList.contains("tile");
      if (focused) move(ARROWS[key]());
      return focused;
    },
  });
  for (const name of Object.keys(USUAL_SELECTION)) {
    const typed = by(name).tagName === "INPUT";
    by(name).addEventListener(typed ? "input" : "change", (event) => change({ [name]: event.target.value }, { step: !typed }));
  }
  by("clear").addEventListener("click", () => change({ ...USUAL_SELECTION }));
  addEventListener("scroll", schedule, { passive: true });
  addEventListener("resize", resized);
  addEventListener("popstate", () => { state = readAddress(USUAL); showDrawing(state); showSelection({ keep: true }); });
  addEventListener("pagehide", () => history.replaceState({ scroll: scrollY, current }, ""));
}

// ---- Begin.

function options(id, first, entries) {
  const put = ([value, text]) => make("option", { value }, text.length > 60 ? `${text.slice(0, 59)}…` : text);
  by(id).replaceChildren(...[["", first], ...entries].map(put));
  by(id).value = state[id];
}

async function showMore() {
  try {
    await readMore(answers, data.of);
  } catch (error) {
    options("group", words.everyGroup, []);
    options("region", words.region, []);
    return refuse(error);
  }
  const groups = answers.group.reduce((most, one) => Math.max(most, one), -1) + 1;
  options("group", words.everyGroup, Array.from({ length: groups }, (_, at) => [at, say("group", { number: at + 1 })]));
  options("region", words.region, answers.regions.map((name, at) => [name, answers.called[at]]));
  by("group").disabled = groups === 0;
  by("region").disabled = answers.regions.length === 0;
  if (state.group !== "" || state.region !== "") showSelection({ keep: true });
  document.documentElement.dataset.ready = "all";
}

async function start() {
  source = new ImageSource(data.of, data.version);
  beside = data.beside ? new ImageSource(data.beside, data.besideVersion) : null;
  answers = await readAnswers(data.of);
  const classes = Object.entries(data.classes);
  options("label", words.everyClass, classes);
  options("predicted", words.everyClass, classes);
  options("group", words.reading, []);
  options("region", words.reading, []);
  showDrawing(state);
  const before = history.state;
  showSelection({ keep: true });
  bind();
  if (before?.scroll) {
    scrollTo({ top: before.scroll, behavior: "instant" });
    current = before.current;
    arrange();
  }
  document.documentElement.dataset.ready = "answers";
  await showMore();
}

start().catch(refuse);
