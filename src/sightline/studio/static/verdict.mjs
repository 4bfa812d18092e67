// What a person says of one thing: three buttons and a note, wherever a page has a slot for them.

import { getJson, make, postJson, say } from "./dom.mjs";

export const SAID = ["reason", "shortcut", "wrong label"];
const place = (of, name, key) => `${of} ${key || name}`;
let count = 0;

/** Fill every slot of a page that is empty yet; what is said already is asked for once. */
export async function fillVerdictSlots(within = document) {
  const slots = [...within.querySelectorAll(".verdict-slot:empty")];
  if (!slots.length) return;
  const { verdicts } = await getJson("/api/verdicts");
  const known = new Map(verdicts.map((one) => [place(one.of, one.name, one.key), one]));
  for (const slot of slots) {
    const { of, name, key = "" } = slot.dataset;
    if (!slot.childElementCount) fillSlot(slot, known.get(place(of, name, key)));
  }
}

function fillSlot(slot, known) {
  const { of, name, key = "", called = name } = slot.dataset;
  count += 1;
  const status = make("p", { class: "said-status quiet", role: "status" });
  const note = make("textarea", { id: `note-${count}`, class: "note-field", rows: 2, maxlength: 2000 });
  const buttons = SAID.map((said) =>
    make("button", { type: "button", class: "say", "data-said": said, "aria-pressed": "false" }, say(`verdict_${said}`)));
  const keep = make("button", { type: "button", class: "keep-note" }, say("verdict_keep"));
  let now = known?.said ?? "";

  function show(one) {
    now = one?.said ?? "";
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.said === now));
    status.textContent = now
      ? say("verdict_kept", { said: say(`verdict_${now}`), when: one.when.slice(0, 10) }) : say("verdict_none");
    keep.disabled = !now;
    slot.dataset.said = now;
  }

  async function tell(said) {
    try {
      show(await postJson("/api/verdicts", { of, name, key, said, note: note.value }));
    } catch (error) {
      status.textContent = error.message;
    }
  }
  slot.sayIt = tell;
  for (const button of buttons) {
    button.addEventListener("click", () => tell(button.dataset.said === now ? "" : button.dataset.said));
  }
  keep.addEventListener("click", () => tell(now));
  note.addEventListener("keydown", (event) => {
    if (event.key === "Escape") note.blur();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && now) tell(now);
  });
  note.value = known?.note ?? "";
  show(known);
  slot.append(
    make("div", { role: "group", "aria-label": say("verdict_question", { name: called }), class: "says" }, ...buttons),
    make("div", { class: "noted" }, make("label", { for: note.id }, say("verdict_note")), note, keep),
    status,
  );
}
