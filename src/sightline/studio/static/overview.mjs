// The first page: a cell of the confusion matrix leads to its images; what rests on maps comes when these are there.

import { by, data, make, say, watch } from "./dom.mjs";

function linkCells() {
  for (const cell of document.querySelectorAll(".matrix td[data-label]")) {
    const count = cell.textContent;
    if (count === "·" || cell.firstElementChild) continue;
    const { label, predicted } = cell.dataset;
    const link = make("a", {
      href: `/images?label=${label}&predicted=${predicted}`,
      "aria-label": say("cell", { label: data.classes[label], predicted: data.classes[predicted], count }),
    }, count);
    cell.replaceChildren(link);
  }
}

/** The page as it is now, in the place of what it was; a part that has the focus stays as it is. */
async function showWhole() {
  const text = await (await fetch("/")).text();
  const focused = document.activeElement, main = by("main");
  const held = [...main.children].find((one) => one.id && one.contains(focused));
  const now = [...new DOMParser().parseFromString(text, "text/html").getElementById("main").childNodes];
  main.replaceChildren(...now.map((one) => (held && one.id === held.id ? held : one)));
  if (held?.isConnected) focused.focus({ preventScroll: true });
  linkCells();
}

document.documentElement.classList.add("scripted");
linkCells();
if (!data.whole) {
  await watch("/api/state", ({ ready }) => ready);
  await showWhole();
}
