// One image: its heat as one likes it, the next and the one before in the selection that it was opened from.

import { USUAL_SELECTION, choose, readAnswers, readMore } from "./answers.mjs";
import { by, data, draw, readAddress, say, whole, writeAddress } from "./dom.mjs";
import { ImageSource, USUAL_DRAWING, paintImage } from "./heat.mjs";
import { bindDrawing, bindKeys, showDrawing } from "./heat_controls.mjs";
import { segmentMiddles } from "./heat_painting.mjs";

const USUAL = { of: "study", ...USUAL_SELECTION, ...USUAL_DRAWING };
const SIDE = 448;

let state = readAddress(USUAL);
let held = false, turn = 0;
const source = new ImageSource(data.of, data.version);
const beside = data.beside ? new ImageSource(data.beside, data.besideVersion) : null;
const how = () => (held ? { ...state, view: "image" } : state);

async function paint() {
  turn += 1;
  const mine = turn, wanted = () => mine === turn;
  const stage = by("beside-stage");
  if (stage) stage.hidden = !state.both || data.besidePlace < 0;
  by("marks").toggleAttribute("hidden", how().view === "image");
  await paintImage(by("heat"), source, data.place, SIDE, how(), wanted);
  if (stage && !stage.hidden) await paintImage(by("beside-heat"), beside, data.besidePlace, SIDE, how(), wanted);
}

function redraw(some) {
  state = { ...state, ...some };
  writeAddress(state, USUAL);
  showDrawing(state);
  link();
  paint();
}

// The numbers of the leading segments.
async function mark() {
  const entry = await source.entry(data.place);
  const ids = await source.segments(entry.map, SIDE).catch(() => null);
  if (!ids) return;
  by("marks").setAttribute("viewBox", `0 0 ${ids.width} ${ids.height}`);
  const size = 0.07 * Math.max(ids.width, ids.height);
  const leading = entry.leading.map(([segment]) => segment);
  by("marks").replaceChildren(...segmentMiddles(ids, leading)
    .map(([segment, x, y]) => draw("text", { x, y, "font-size": size }, String(segment))));
}

// ---- The selection.

let neighbours = [null, null];
function link() {
  const address = (place) => `/images/${place}${location.search}`;
  ["before", "after"].forEach((id, at) => {
    const place = neighbours[at];
    if (place === null) by(id).removeAttribute("href");
    else by(id).href = address(place);
    by(id).ariaDisabled = place === null ? "true" : null;
  });
  by("up").href = `/images${location.search}`;
}

async function findNeighbours() {
  const answers = await readAnswers(data.of);
  if (state.group !== "" || state.region !== "") await readMore(answers, data.of);
  const chosen = choose(answers, state);
  const at = chosen.findIndex((one) => answers.place[one] === data.place);
  neighbours = at < 0 ? [null, null] : [at - 1, at + 1].map((one) => (one in chosen ? answers.place[chosen[one]] : null));
  by("place-said").textContent = at < 0 ? "" : say("place", { place: whole(at + 1), all: whole(chosen.length) });
  link();
}

const go = (id) => { if (by(id).hasAttribute("href")) location.replace(by(id).href); };

bindKeys({
  ...bindDrawing(() => state, redraw),
  j: () => go("after"),
  k: () => go("before"),
  u: () => location.assign(by("up").href),
}, {
  hold: (now) => { held = now; paint(); },
  arrows: (key) => {
    if (key === "ArrowRight") go("after");
    else if (key === "ArrowLeft") go("before");
    else return false;
    return true;
  },
});
showDrawing(state);
await Promise.all([paint(), mark(), findNeighbours()]);
document.documentElement.dataset.ready = "all";
