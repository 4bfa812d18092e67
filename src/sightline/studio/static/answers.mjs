// The columns of all answers, and which of them are shown: everything is filtered here, nothing is asked.

import { getBytes } from "./dom.mjs";

const ARRAYS = { Int32Array, Int16Array, Float32Array, Uint32Array, Uint8Array };

/** The selection, where nothing else is said. */
export const USUAL_SELECTION = {
  label: "", predicted: "", outcome: "", group: "", low: "", high: "", region: "", least: "", most: "", find: "", sort: "",
};

async function readBlock(address) {
  const bytes = await getBytes(address);
  const length = new DataView(bytes).getUint32(0, true);
  const { columns, ...about } = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
  for (const [name, [kind, at, count]] of Object.entries(columns)) {
    about[name] = new ARRAYS[kind](bytes, 4 + length + at, count);
  }
  return about;
}

/** What the studio knows of every answer of a study. */
export async function readAnswers(of) {
  const made = await readBlock(`/api/columns?of=${of}`);
  const text = new TextDecoder(), all = text.decode(made.text);
  const plain = all.length === made.text.length; // then bytes and letters are the same, and names cut out of one text
  const from = (at) => (at ? made.ends[at - 1] : 0);
  let small = null;
  made.id = (at) => (plain ? all.slice(from(at), made.ends[at]) : text.decode(made.text.subarray(from(at), made.ends[at])));
  made.lower = (at) => (plain ? (small ??= all.toLowerCase()).slice(from(at), made.ends[at]) : made.id(at).toLowerCase());
  made.regions = null;
  return made;
}

/** Groups and shares of regions, which may take a while to be worked out. */
export async function readMore(answers, of) {
  const more = await readBlock(`/api/more-columns?of=${of}`);
  answers.group = more.group;
  answers.regions = more.regions;
  answers.called = more.called;
  answers.share = more.regions.map((_, number) => more[`share${number}`]);
}

const known = (value) => (Number.isNaN(value) ? 0 : value);

/** How much more the model gave the class that it chose than the true one; right answers come after all wrong. */
export const misled = (answers, at) =>
  (answers.label[at] === answers.predicted[at] ? -Infinity : known(answers.score[at]) - known(answers.truth[at]));

// As the studio reads them in its tables' addresses, see columns.py.
const NUMBER = /^-?[0-9]{1,9}$/, BOUND = /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$/;
const ONE_OF = { outcome: ["", "wrong", "right", "differ"], sort: ["", "misled", "unsure", "class"] };

/** What of a selection cannot be read: its name, and how it was given; null where all can. */
export function unreadable(answers, state) {
  const reads = (name, value) => {
    if (name in ONE_OF) return ONE_OF[name].includes(value) && (value !== "differ" || Boolean(answers.beside));
    if (name === "region") return !answers.regions || answers.regions.includes(value);
    if (name === "find") return true;
    return (["label", "predicted", "group"].includes(name) ? NUMBER : BOUND).test(value);
  };
  const name = Object.keys(USUAL_SELECTION).find((one) => state[one] !== "" && !reads(one, state[one]));
  return name === undefined ? null : [name, state[name]];
}

/** Where the chosen answers stand in the columns, in their order. */
export function choose(answers, state) {
  if (unreadable(answers, state)) return new Uint32Array(0);
  const tests = [];
  const same = (name) => {
    const wanted = Number(state[name]), column = answers[name];
    if (state[name] !== "") tests.push(column ? (at) => column[at] === wanted : () => true);
  };
  ["label", "predicted", "group"].forEach(same);
  if (state.outcome === "wrong") tests.push((at) => answers.label[at] !== answers.predicted[at]);
  if (state.outcome === "right") tests.push((at) => answers.label[at] === answers.predicted[at]);
  if (state.outcome === "differ") {
    tests.push((at) => answers.beside[at] >= 0 && answers.besidePredicted[at] !== answers.predicted[at]);
  }
  // Rounded as what they bound is kept: one that was copied from a table holds the image that it is of.
  const bounds = (low, high) => [low === "" ? -Infinity : Math.fround(low), high === "" ? Infinity : Math.fround(high)];
  const between = (column, [least, most]) => (at) => column[at] >= least && column[at] <= most;
  const [low, high] = bounds(state.low, state.high);
  if (low > -Infinity || high < Infinity) tests.push(between(answers.score, [low, high]));
  if (state.region !== "" && answers.regions) {
    const column = answers.share[answers.regions.indexOf(state.region)];
    tests.push(between(column, bounds(state.least, state.most)));
  }
  if (state.find) {
    const sought = state.find.toLowerCase();
    tests.push((at) => answers.lower(at).includes(sought));
  }
  const found = new Uint32Array(answers.count);
  let count = 0;
  next: for (let at = 0; at < answers.count; at += 1) {
    for (const test of tests) if (!test(at)) continue next;
    found[count++] = at;
  }
  return ordered(answers, found.subarray(0, count), state.sort);
}

function ordered(answers, found, sort) {
  const keys = {
    misled: (at) => -misled(answers, at),
    unsure: (at) => known(answers.score[at]),
    class: (at) => answers.label[at] * 65536 + answers.predicted[at],
  }[sort];
  if (!keys) return found;
  const value = new Float64Array(answers.count);
  for (const at of found) value[at] = keys(at);
  return found.sort((one, other) => (value[one] < value[other] ? -1 : value[one] > value[other] ? 1 : one - other));
}
