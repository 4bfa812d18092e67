// How heat is drawn, and keys: what the page of all images and that of one have in common.

import { by, isTyping } from "./dom.mjs";

const within = (value, least, most) => Math.max(least, Math.min(most, value));
/** The value after the one that is, and after the last the first. */
export const cycle = (values, now) => values[(values.indexOf(now) + 1) % values.length];
const TOPS = [1, 2, 3, 5, 8, 12, 20, 0];
const KEPT = "sightline single letters";

/** Bring controls to what the state says. */
export function showDrawing(state) {
  for (const name of ["view", "sign", "opacity", "threshold", "top"]) {
    const input = by(name);
    if (input !== document.activeElement || input.type !== "range") input.value = state[name];
  }
  by("threshold-said").textContent = `${state.threshold}%`;
  if (by("both")) by("both").checked = Boolean(state.both);
}

/** Let controls and keys change how heat is drawn; `change` is given what is new. */
export function bindDrawing(state, change) {
  for (const name of ["view", "sign"]) by(name).addEventListener("change", (event) => change({ [name]: event.target.value }));
  for (const name of ["opacity", "threshold"]) {
    by(name).addEventListener("input", (event) => change({ [name]: Number(event.target.value) }));
  }
  by("top").addEventListener("change", (event) => change({ top: Number(event.target.value) }));
  by("both")?.addEventListener("change", (event) => change({ both: event.target.checked ? 1 : 0 }));
  const more = (step) => {
    const at = TOPS.indexOf(state().top);
    change({ top: TOPS[within((at < 0 ? TOPS.length - 1 : at) + step, 0, TOPS.length - 1)] });
  };
  return {
    v: () => change({ view: cycle(["heat", "mask", "image"], state().view) }),
    s: () => change({ sign: cycle(["", "for", "against"], state().sign) }),
    "[": () => more(-1),
    "]": () => more(1),
    "-": () => change({ opacity: within(state().opacity - 10, 0, 100) }),
    "+": () => change({ opacity: within(state().opacity + 10, 0, 100) }),
    "=": () => change({ opacity: within(state().opacity + 10, 0, 100) }),
    b: () => by("both") && change({ both: state().both ? 0 : 1 }),
  };
}

/** Keys by letter, "h" held, and the list of keys; arrows are given to `arrows`, which says whether it took one. */
export function bindKeys(keys, { hold, arrows }) {
  const dialog = by("keys"), on = by("keys-on");
  on.checked = localStorage.getItem(KEPT) !== "off";
  on.addEventListener("change", () => localStorage.setItem(KEPT, on.checked ? "on" : "off"));
  const list = () => (dialog.open ? dialog.close() : dialog.showModal());
  by("keys-open").addEventListener("click", list);
  by("keys-close").addEventListener("click", () => dialog.close());
  let held = false;
  const release = () => { if (held) hold((held = false)); };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event)) return;
    if (!dialog.open && event.key.startsWith("Arrow") && arrows(event.key)) event.preventDefault();
    if (!on.checked || (dialog.open && event.key !== "?")) return;
    if (event.key === "h") {
      if (!held) hold((held = true));
    } else if (event.key === "?") list();
    else if (keys[event.key]) keys[event.key]();
    else return;
    event.preventDefault();
  });
  document.addEventListener("keyup", (event) => { if (event.key === "h") release(); });
  addEventListener("blur", release);
}
