// What every page's module uses: elements, words in the page's language, numbers, questions to the studio, the
// selection that the address holds. No text becomes markup here or anywhere.

export const by = (id) => document.getElementById(id);

export const words = JSON.parse(by("words").textContent);

/** What the page was given beside its words: `data` of `page_reply`. */
export const data = JSON.parse(by("data").textContent);

/** A text with its fields in braces filled in. */
export const fill = (text, values) =>
  text.replace(/\{(\w+)\}/g, (all, name) => (name in values ? values[name] : all));

/** A sentence of the page's words, `words` of `page_reply`, filled in. */
export const say = (name, values = {}) => fill(words[name], values);

/** An element with its attributes, properties that begin with "on" as listeners, and what is in it. */
export function make(tag, attributes = {}, ...content) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...content.filter((one) => one !== null && one !== undefined));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

/** The same for a drawing. */
export function draw(tag, attributes = {}, ...content) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...content);
  return made;
}

/** A name that is somebody else's: set apart from the text around it, and whole when it is pointed at. */
export const named = (text) => make("bdi", { class: "name", title: text }, text);

/** A number as the report writes it: two digits that count, a real minus. */
export function number(value, { sign = false, digits = 2 } = {}) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const short = size && (size < 1e-4 || size >= 1e6) ? size.toExponential(1) : String(Number(size.toPrecision(digits)));
  return (value < 0 ? "−" : sign && value > 0 ? "+" : "") + short;
}

/** A score: two decimals where they say enough, so that those side by side are alike. */
export function scored(value) {
  const size = Math.abs(value);
  return size >= 0.1 && size < 100 ? (value < 0 ? "−" : "") + size.toFixed(2) : number(value);
}

export const whole = (value) => value.toLocaleString("en");

/** What the studio could not do, in its own words. */
export class Refusal extends Error {
  constructor(told, slug, status) {
    super(told);
    this.slug = slug;
    this.status = status;
  }
}

async function answered(response) {
  if (response.ok) return response;
  const told = (response.headers.get("content-type") ?? "").includes("json") ? await response.json() : {};
  throw new Refusal(told.error ?? `${response.status} ${response.statusText}`, told.slug ?? "", response.status);
}

/** A value that the studio knows; the browser asks anew only whether it changed. */
export const getJson = async (address) => (await answered(await fetch(address))).json();

/** Bytes that the studio knows. */
export const getBytes = async (address) => (await answered(await fetch(address))).arrayBuffer();

/** A change. */
export const postJson = async (address, value = {}) =>
  (await answered(await fetch(address, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(value),
  }))).json();

/** Ask again and again; `does` is given each new value, and ends it by returning true. */
export async function watch(address, does, { every = 1000 } = {}) {
  let last = null;
  for (;;) {
    const response = await answered(await fetch(address));
    const text = await response.text();
    if (text !== last && (await does(JSON.parse(text)))) return;
    last = text;
    await new Promise((done) => setTimeout(done, document.hidden ? 4 * every : every));
  }
}

/** The selection: values by name, of which those that differ from the usual ones stand in the address. */
export function readAddress(usual) {
  const told = new URLSearchParams(location.search);
  const state = { ...usual };
  for (const [name, value] of told) {
    if (!(name in usual)) continue;
    if (typeof usual[name] !== "number") state[name] = value;
    else if (Number.isFinite(Number(value))) state[name] = Number(value);
  }
  return state;
}

/** Write it there: a new entry of the history for a step that "back" undoes, else in the place of the last. */
export function writeAddress(state, usual, { step = false } = {}) {
  const text = addressOf(state, usual);
  if (text.slice(1) === location.search.slice(1)) return;
  history[step ? "pushState" : "replaceState"](null, "", text === "?" ? location.pathname : text);
}

/** The end of an address that says it. */
export function addressOf(state, usual) {
  const told = new URLSearchParams();
  for (const name of Object.keys(usual)) {
    if (String(state[name]) !== String(usual[name])) told.set(name, state[name]);
  }
  return `?${told}`;
}

/** Whether a key belongs to what is being typed into. */
export const isTyping = (event) =>
  Boolean(event.target.closest?.("select, textarea, input:not([type=checkbox]):not([type=radio])"));
