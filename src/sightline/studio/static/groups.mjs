// Groups of errors and the other things to be judged: verdicts, by mouse and by keyboard.

import { isTyping } from "./dom.mjs";
import { SAID, fillVerdictSlots } from "./verdict.mjs";

document.documentElement.classList.add("scripted");
await fillVerdictSlots();
document.documentElement.dataset.ready = "yes";

const judged = () => [...document.querySelectorAll(".judged")];
const current = () => document.activeElement?.closest?.(".judged") ?? null;

function go(step) {
  const all = judged();
  if (!all.length) return;
  const here = all.indexOf(current());
  const next = here < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, here + step));
  all[next].focus();
  all[next].scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.toLowerCase();
  if (key === "j" || key === "k") {
    go(key === "j" ? 1 : -1);
    event.preventDefault();
    return;
  }
  const slot = current()?.querySelector(".verdict-slot");
  if (!slot) return;
  if (key in { 0: 1, 1: 1, 2: 1, 3: 1 }) slot.sayIt(key === "0" ? "" : SAID[Number(key) - 1]);
  else if (key === "n") slot.querySelector("textarea").focus();
  else return;
  event.preventDefault();
});
