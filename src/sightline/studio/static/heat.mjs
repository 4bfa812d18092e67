// Images, segments and heat: asked of the studio as they are needed, and painted over each other.

import { getJson } from "./dom.mjs";
import { blendHeat } from "./heat_painting.mjs";

const MOST = 3000; // images whose entries are kept
const AT_ONCE = 100; // images that are asked for together

/** How heat is drawn, where nothing else is said. */
export const USUAL_DRAWING = { view: "heat", sign: "", opacity: 80, threshold: 0, top: 0, both: 0 };

/** A study's images: what is said of each, and their pixels. */
export class ImageSource {
  constructor(of, version) {
    this.of = of;
    this.version = version;
    this.entries = new Map();
    this.pixels = new Map();
    this.maps = new Map();
    this.waiting = new Map();
  }

  address(place, side, kind = "webp") {
    return `/images/${place}.${kind}?side=${side}&of=${this.of}&v=${this.version}`;
  }

  /** What is said of an image; those that are asked for in one turn are asked for together. */
  entry(place) {
    if (this.entries.has(place)) return this.entries.get(place);
    if (this.entries.size > MOST) this.entries.clear();
    const made = new Promise((done, failed) => this.waiting.set(place, { done, failed }));
    this.entries.set(place, made);
    if (this.waiting.size === 1) setTimeout(() => this.ask());
    return made;
  }

  async ask() {
    const asked = [...this.waiting];
    this.waiting = new Map();
    for (let from = 0; from < asked.length; from += AT_ONCE) {
      const some = asked.slice(from, from + AT_ONCE);
      try {
        const told = await getJson(`/api/heat?of=${this.of}&v=${this.version}&places=${some.map(([place]) => place)}`);
        const by = new Map(told.map((one) => [one.place, one]));
        for (const [place, { done }] of some) done(by.get(place) ?? null);
      } catch (error) {
        for (const [place, { failed }] of some) { this.entries.delete(place); failed(error); }
      }
    }
  }

  image(place, side) {
    return kept(this.pixels, `${place} ${side}`, () => pixelsOf(this.address(place, side)));
  }

  segments(place, side) {
    return kept(this.maps, `${place} ${side}`, () => pixelsOf(this.address(place, side, "segments.png")));
  }
}

function kept(known, key, make) {
  if (!known.has(key)) {
    if (known.size > 400) known.clear();
    known.set(key, make());
  }
  return known.get(key);
}

async function pixelsOf(address) {
  const shown = new Image();
  shown.src = address;
  await shown.decode();
  const canvas = new OffscreenCanvas(shown.naturalWidth, shown.naturalHeight);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(shown, 0, 0);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

/** Paint an image with its heat, if it is still wanted when it is there. False if it cannot be read. */
export async function paintImage(canvas, source, place, side, how, wanted = () => true) {
  const paint = await readPainting(source, place, side, how, wanted);
  if (!paint) return !wanted();
  paint(canvas);
  return true;
}

/** What paints an image with its heat into a canvas; null if it cannot be read, or is no longer wanted. */
export async function readPainting(source, place, side, how, wanted = () => true) {
  const entry = await source.entry(place);
  if (!wanted() || entry === null) return null;
  const plain = how.view === "image";
  let under, ids;
  try {
    [under, ids] = await Promise.all([source.image(place, side), plain ? null : source.segments(entry.map, side)]);
  } catch {
    return null;
  }
  return (canvas) => {
    const { width, height } = under;
    const painted = new ImageData(width, height);
    if (plain) painted.data.set(under.data);
    else blendHeat(painted.data, under, ids, entry, how);
    canvas.width = width;
    canvas.height = height;
    canvas.getContext("2d", { willReadFrequently: true }).putImageData(painted, 0, 0);
  };
}
