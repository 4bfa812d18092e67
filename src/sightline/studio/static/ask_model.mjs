// Hide segments or a region of one image and ask the model: only after a press of the button that loads it.

import { by, data, getJson, make, named, number, postJson, say, scored } from "./dom.mjs";

const said = by("ask-said");
const image = by("ask-image").querySelector("img");
const canvas = by("ask-image").querySelector("canvas");
const address = `/api/images/${data.place}/ask`;
const picked = new Set();
let labels = null; // {width, height, ids}

const tell = (text) => { said.textContent = text; };
const failed = (error) => tell(say("failed", { why: error.message }));

/** The number of each pixel's segment: red + 256 × green + 65536 × blue. */
async function readLabels(source) {
  const map = new Image();
  map.src = source;
  await map.decode();
  const held = new OffscreenCanvas(map.naturalWidth, map.naturalHeight).getContext("2d", { willReadFrequently: true });
  held.drawImage(map, 0, 0);
  const pixels = held.getImageData(0, 0, map.naturalWidth, map.naturalHeight).data;
  const ids = new Int32Array(pixels.length / 4);
  for (let at = 0; at < ids.length; at += 1) ids[at] = pixels[4 * at] + 256 * pixels[4 * at + 1] + 65536 * pixels[4 * at + 2];
  return { width: map.naturalWidth, height: map.naturalHeight, ids };
}

function show() {
  for (const box of by("ask-segments").querySelectorAll("input")) box.checked = picked.has(Number(box.value));
  canvas.width = labels.width;
  canvas.height = labels.height;
  const paint = canvas.getContext("2d");
  const shade = paint.createImageData(labels.width, labels.height);
  labels.ids.forEach((id, at) => {
    if (picked.has(id)) shade.data.set([255, 211, 77, 150], 4 * at);
  });
  paint.putImageData(shade, 0, 0);
}

function toggle(segment) {
  by("ask-region").value = "";
  if (picked.has(segment)) picked.delete(segment);
  else picked.add(segment);
  show();
}

canvas.addEventListener("pointerdown", (event) => {
  if (by("ask-tools").hidden) return; // the image alone is shown until the model is loaded
  const box = canvas.getBoundingClientRect();
  const x = Math.min(labels.width - 1, Math.floor(((event.clientX - box.left) / box.width) * labels.width));
  const y = Math.min(labels.height - 1, Math.floor(((event.clientY - box.top) / box.height) * labels.height));
  toggle(labels.ids[y * labels.width + x]);
});

async function begin(question) {
  image.src = question.image;
  labels = await readLabels(question.segments);
  by("ask-model-text").textContent = question.model;
  by("ask-load").hidden = question.loaded;
  by("ask-tools").hidden = !question.loaded;
  by("ask-segments").replaceChildren(...question.values.map((value, segment) => make("label", {},
    make("input", { type: "checkbox", value: segment, onchange: () => toggle(segment) }),
    say("segment", { number: segment, value: number(value, { sign: true }) }))));
  by("ask-region").append(...question.regions.map(([value, called]) => make("option", { value }, called)));
  show();
}

function showAnswer(answer) {
  by("ask-answer").hidden = false;
  by("ask-hidden").src = answer.hidden;
  by("ask-answer").querySelector("tbody").replaceChildren(...answer.classes.map(([name, before, after]) => make("tr", {},
    make("th", { scope: "row" }, named(name)),
    make("td", { class: "figure" }, scored(before)),
    make("td", { class: "figure" }, scored(after)),
    make("td", { class: "figure" }, number(after - before, { sign: true })))));
  by("ask-calls").textContent = say("asked", { calls: answer.calls });
  tell(say(answer.before === answer.after ? "same" : "other", answer));
}

by("load-model").addEventListener("click", async (event) => {
  event.target.disabled = true;
  tell(say("loading"));
  try {
    await postJson("/api/model", { load: true });
    by("ask-load").hidden = true;
    by("ask-tools").hidden = false;
    tell("");
    by("ask-segments").querySelector("input")?.focus();
  } catch (error) {
    failed(error);
  }
  event.target.disabled = false;
});

by("ask-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const region = by("ask-region").value;
  by("ask-now").disabled = true;
  try {
    showAnswer(await postJson(address, region ? { region } : { segments: [...picked] }));
  } catch (error) {
    failed(error);
  }
  by("ask-now").disabled = false;
});

by("ask-clear").addEventListener("click", () => { picked.clear(); by("ask-region").value = ""; show(); });
by("ask-region").addEventListener("change", () => { picked.clear(); show(); });

try {
  await begin(await getJson(address));
} catch (error) {
  failed(error);
}
