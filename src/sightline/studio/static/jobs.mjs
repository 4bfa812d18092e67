// Jobs: started once the person has agreed that the model is loaded, watched, stopped, gone on with; downloads.

import { by, data, getJson, make, postJson, say, watch } from "./dom.mjs";

document.documentElement.classList.add("scripted");
const status = by("work-said");
const list = by("jobs");
const shown = new Map();

const beside = make("p", { class: "said-beside", "aria-hidden": "true" }); // it is read out where it stands above

const tell = (text) => { status.textContent = text; beside.remove(); };

/** Say why something was not done, also where it was asked for: the other place may be out of sight. */
function refuse(text) {
  tell(text);
  beside.textContent = text;
  document.activeElement?.closest?.(".actions, .start > p")?.after(beside);
}

async function doing(work) {
  try {
    await work();
  } catch (error) {
    refuse(error.slug ? `${error.message} [${error.slug}]` : error.message);
  }
}

// Agreed once, it holds for this model as long as the window is open.
const loaded = document.querySelector("code.loaded")?.textContent ?? "";
const KEPT = `agreed ${loaded}`;
const keepAgreed = () => sessionStorage.setItem(KEPT, by("agree").checked ? "yes" : "");
by("agree").checked = Boolean(loaded) && sessionStorage.getItem(KEPT) === "yes";
by("agree").addEventListener("change", keepAgreed);

/** Whether the model may be loaded; asked where the person is, if it was not ticked. */
function agreed() {
  if (!by("agree").checked && loaded && window.confirm(say("sure", { model: loaded }))) {
    by("agree").checked = true;
    keepAgreed();
  }
  if (by("agree").checked) return true;
  refuse(say("agree"));
  return false;
}

function start(kind, options) {
  if (!agreed()) return;
  doing(async () => {
    const job = await postJson("/api/jobs", { kind, options, load: true });
    tell(say("started", { number: job.number }));
    await look();
    document.querySelector(`article.job[data-number="${job.number}"]`)?.focus();
  });
}

const chosen = {
  repair: () => ({ region: by("repair-region").value, method: by("repair-method").value }),
  blame: () => ({ regions: by("blame-regions").value }),
  study: () => ({ retry: Boolean(by("study-retry")?.checked) }),
  causes: () => ({}),
  concepts: () => ({}),
};
for (const button of document.querySelectorAll("button[data-kind]")) {
  button.addEventListener("click", () => start(button.dataset.kind, chosen[button.dataset.kind]()));
}
if (data?.region) {
  const choice = by("repair-region");
  if ([...choice.options].some((one) => one.value === data.region)) choice.value = data.region;
  by("start-repair").scrollIntoView({ block: "center" });
}

function makeJob(job) {
  const article = make("article", {
    class: "job", tabindex: -1, "data-number": job.number, "data-kind": job.kind, "aria-labelledby": `job-${job.number}`,
  });
  const parts = {
    article,
    state: make("p", { class: "state" }),
    steps: make("ul", { class: "steps" }),
    error: make("p", { class: "job-error" }),
    actions: make("p", { class: "actions" }),
    log: make("pre", { class: "log", tabindex: 0, "aria-label": say("log") }),
  };
  parts.details = make("details", {}, make("summary", {}, say("log")), make("p", {}, make("code", {}, job.command)), parts.log);
  parts.details.addEventListener("toggle", () => readLog(job.number));
  article.append(
    make("h3", { id: `job-${job.number}` }, say("job", { number: job.number, title: job.title })),
    parts.state, parts.steps, parts.error, parts.actions, parts.details,
  );
  return parts;
}

const readLog = (number) => doing(async () => {
  const parts = shown.get(number);
  if (parts?.details.open) parts.log.textContent = (await getJson(`/api/jobs/${number}/log`)).log;
});

const act = (words, className, does) => make("button", { type: "button", class: className, onclick: does }, say(words));

function actionsOf(job) {
  const at = `/api/jobs/${job.number}`;
  const made = [];
  if (job.state === "running") {
    made.push(act("stop", "stop", () => doing(async () => {
      await postJson(`${at}/stop`);
      tell(say("stopping", { number: job.number }));
    })));
  } else if (job.state !== "done") {
    made.push(act("resume", "resume", () => agreed() && doing(async () => {
      await postJson(`${at}/resume`, { load: true });
      tell(say("started", { number: job.number }));
      await look();
    })));
  }
  if (job.made) {
    made.push(act("prove", "prove", () => start("proof", { repair: String(job.number) })));
    if (job.has_model) made.push(make("a", { class: "download-model", href: `${at}/model`, download: true }, say("model")));
    made.push(make("a", { class: "download-folder", href: `${at}/folder.zip`, download: true }, say("folder")));
    if (!job.has_model) made.push(make("span", { class: "quiet" }, say("no_model")));
  }
  if (job.state === "done" && job.kind !== "study") made.push(make("a", { class: "see", href: "/" }, say("see")));
  return made;
}

function showSteps(parts, job) {
  // The bars stay the same elements, so that they move and are not drawn anew.
  while (parts.steps.childElementCount > job.steps.length) parts.steps.lastElementChild.remove();
  job.steps.forEach((step, place) => {
    let item = parts.steps.children[place];
    if (!item) {
      item = make("li", {}, make("span", { class: "step-text" }), make("progress", {}));
      parts.steps.append(item);
    }
    const [text, bar] = item.children;
    if (text.textContent !== step.text) text.textContent = step.text;
    bar.setAttribute("aria-label", step.text);
    if (step.total) {
      bar.max = step.total;
      bar.value = Math.min(step.done, step.total);
    } else bar.removeAttribute("value");
    bar.hidden = job.state !== "running";
  });
}

function show(job) {
  let parts = shown.get(job.number);
  if (!parts) {
    parts = makeJob(job);
    shown.set(job.number, parts);
    const before = [...list.querySelectorAll("article.job")].find((one) => Number(one.dataset.number) < job.number);
    list.insertBefore(parts.article, before ?? null);
  }
  const key = JSON.stringify([job.state, job.made, job.has_model]);
  if (parts.key !== key) {
    const had = parts.key;
    parts.key = key;
    const held = parts.actions.contains(document.activeElement);
    parts.actions.replaceChildren(...actionsOf(job));
    if (held) parts.article.focus();
    if (had && job.state !== "running") tell(say("over", { number: job.number, state: job.state_text }));
  }
  parts.article.dataset.state = job.state;
  const told = [job.state_text, job.notes, job.state === "running" ? "" : job.last_line].filter(Boolean).join(" · ");
  if (parts.state.textContent !== told) parts.state.textContent = told;
  parts.error.textContent = job.error ? `${job.error} [${job.slug}]` : "";
  parts.error.hidden = !job.error;
  showSteps(parts, job);
  if (job.state === "running") readLog(job.number);
}

function showAll({ jobs }) {
  for (const job of jobs) show(job);
  if (!jobs.length) list.replaceChildren(make("p", { class: "quiet none" }, say("none")));
  else list.querySelector(".none")?.remove();
  document.documentElement.dataset.ready = "yes";
}

const look = async () => showAll(await getJson("/api/jobs"));

for (;;) {
  try {
    await watch("/api/jobs", showAll);
  } catch (error) {
    tell(error.message);
    await new Promise((done) => setTimeout(done, 5000));
  }
}
