// An image's heat in pixels: of the report's page, which has this before its own script, and of the studio's.

const RED = [197, 30, 33], BLUE = [18, 107, 197], PALEST = 76.5, COVER = 128;

/** The segment that pixels hold at a place: red + 256 × green + 65536 × blue. */
export const segmentAt = (pixels, at) => pixels[at] + 256 * pixels[at + 1] + 65536 * pixels[at + 2];

/** Of each segment from −1 (against) to 1 (for), what of it is drawn. */
export function drawnShares(entry, how) {
  const least = (how.threshold / 100) * entry.limit;
  const sizes = entry.values.map((value) => Math.abs(value ?? 0));
  const first = how.top ? [...sizes].sort((one, other) => other - one)[how.top - 1] ?? 0 : 0;
  return entry.values.map((value, segment) => {
    const told = value !== null && entry.limit > 0 && sizes[segment] >= Math.max(least, first, 1e-12) &&
      !(how.sign === "for" && value < 0) && !(how.sign === "against" && value > 0);
    return told ? Math.max(-1, Math.min(1, value / entry.limit)) : 0;
  });
}

/** Lay heat, or what hides segments, over an image; `under` and `ids` are pixels with their width and height. */
export function blendHeat(to, under, ids, entry, how) {
  const from = under.data, { width, height } = under;
  const shares = drawnShares(entry, how);
  const counts = new Set(entry.leading.map(([segment]) => segment));
  const opacity = how.opacity / 100, mask = how.view === "mask";
  for (let row = 0, at = 0; row < height; row += 1) {
    const down = Math.min(ids.height - 1, Math.floor(((row + 0.5) * ids.height) / height)) * ids.width;
    for (let column = 0; column < width; column += 1, at += 4) {
      const across = Math.min(ids.width - 1, Math.floor(((column + 0.5) * ids.width) / width));
      const segment = segmentAt(ids.data, (down + across) * 4);
      const share = shares[segment] || 0;
      const red = from[at], green = from[at + 1], blue = from[at + 2];
      to[at + 3] = 255;
      if (mask) {
        const seen = share !== 0 && (how.threshold > 0 || how.top > 0 || counts.has(segment));
        to[at] = seen ? red : COVER; to[at + 1] = seen ? green : COVER; to[at + 2] = seen ? blue : COVER;
        continue;
      }
      const grey = PALEST + (0.299 * red + 0.587 * green + 0.114 * blue) * (1 - PALEST / 255);
      const alpha = opacity * Math.abs(share);
      const tint = share > 0 ? RED : BLUE;
      to[at] = grey + alpha * (tint[0] - grey);
      to[at + 1] = grey + alpha * (tint[1] - grey);
      to[at + 2] = grey + alpha * (tint[2] - grey);
    }
  }
}

/** Where each of some segments is told of: the middle of its pixel that is nearest to its own middle. */
export function segmentMiddles(ids, segments) {
  const sums = new Map(segments.map((segment) => [segment, { count: 0, x: 0, y: 0, far: Infinity }]));
  const each = (does) => {
    for (let at = 0, place = 0; place < ids.width * ids.height; at += 4, place += 1) {
      const sum = sums.get(segmentAt(ids.data, at));
      if (sum) does(sum, place % ids.width, Math.floor(place / ids.width));
    }
  };
  each((sum, x, y) => { sum.count += 1; sum.x += x; sum.y += y; });
  each((sum, x, y) => {
    const far = (x - sum.x / sum.count) ** 2 + (y - sum.y / sum.count) ** 2;
    if (far < sum.far) Object.assign(sum, { far, middle: [x + 0.5, y + 0.5] });
  });
  return [...sums].filter(([, sum]) => sum.middle).map(([segment, sum]) => [segment, ...sum.middle]);
}
