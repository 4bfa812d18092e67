"""the choices of an audit → study, causes, blame, slices, repair, proof; each kept, taken if there."""

import contextlib
import dataclasses
import sys
import time
from collections.abc import Callable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from sightline._digests import image_digest
from sightline._files import is_a_file, write_bytes, write_json
from sightline._language import current_language, in_english, translate_kept, use_language
from sightline._language import translate as tr
from sightline._printing import printable_text
from sightline._region_names import shown_name
from sightline._trust import split_secret
from sightline.auditing.audit_choices import AuditChoices, AuditRecord, with_note, write_record
from sightline.auditing.audit_setup import (
    BLAME_CALLS,
    BLAME_SHARE,
    PROOF_SHARE,
    AuditRequest,
    command_to_repeat,
    find_out,
    model_of_choices,
    usual_regions,
)
from sightline.auditing.discovery import Discovery
from sightline.data import ImageFormat
from sightline.data.datasets import Dataset, Subset
from sightline.data.holdout import HoldoutRule
from sightline.data.looks import looks_of, match_looks
from sightline.engine.fills import Surroundings
from sightline.engine.image import as_image
from sightline.engine.plan import Plan, parse_option
from sightline.errors import OptionError, SightlineError, collect_warnings
from sightline.findings.atlas_analysis import atlas
from sightline.findings.blame_analysis import blame
from sightline.findings.blame_result import Blame
from sightline.findings.cause_analysis import image_causes
from sightline.findings.slice_analysis import slices
from sightline.proof.analysis import prove, used_in_repair
from sightline.proof.earlier_proofs import note_proof
from sightline.proof.explained_pair import explain_held_out, some_images
from sightline.regions import concepts, from_errors, named
from sightline.regions.region_set import Regions
from sightline.repair import store
from sightline.repair.method import RepairResult
from sightline.repair.selection import choose
from sightline.repair.training.fine_tune import trainer_of
from sightline.reports.claims import driven_by, open_question, with_leak
from sightline.reports.report_file import report
from sightline.reports.saved_results import AREAS, CONCEPT_AREAS, StudyFindings, read_findings
from sightline.reports.summary import Claim, Summary, thing_name
from sightline.study import Study
from sightline.study.manifest import NAME as PLAN
from sightline.study.metadata import column_of_groups, list_of_study
from sightline.study.provenance import OpenedData, open_both, resolve_images
from sightline.types import Fill, did_you_mean, record

STUDY, REPAIR = "study", "repair"
"""Folders within an audit's."""
PROOF = "proof.json"
ENOUGH = 60
"""Wrong answers from which on halves of them are enough to search in, and to confirm by."""
SEARCH_CALLS = 15_000
"""Model calls that the search for areas takes, about."""
LEVEL, SEARCH_LEVEL = 0.05, 0.01
"""Chance of a false alarm, and the part of it that areas have which are searched after the grids."""
REPAIR_SHARE = 0.25
"""Of the time: what a repair may take even where all of it is gone."""
STOPPED = in_english("The audit was stopped at repair or proof; the same command goes on with these.")
UNTRAINED = in_english(
    "Nothing that learns was tried for a repair: this model cannot be trained from here, as no network out "
    "of an ONNX file can. Give the model that it was made from, of Keras, PyTorch or scikit-learn."
)
EXPLAINED = 24
"""Held-out images that are explained before and after a repair, about."""


@record
class Audit:
    """What an audit came to; made by `sightline.audit`.

    Parameters
    ----------
    folder : Path
    study : Study
        Of the images that were not held out: ask it for more.
    verdict : tuple of str
        Three sentences: what is wrong, why, and what was done about it.
    discoveries : tuple of Discovery
        What was found out and not asked.
    notes : tuple of str
        What has to be known beside the report.
    misleads : str
        The region, concepts or property that misleads the model; empty where none was shown to.
    repair : Path or None
        Folder of the repaired model.
    report : Path
    language : str
        That the sentences are in.
    """

    folder: Path
    study: Study
    verdict: tuple[str, ...]
    discoveries: tuple[Discovery, ...]
    notes: tuple[str, ...]
    misleads: str
    repair: Path | None
    report: Path
    language: str = "en"

    def __repr__(self) -> str:
        with use_language(self.language):
            lines = [tr("found out, and not asked:"), *(f"  {one}" for one in self.discoveries)]
            if self.notes:
                lines += [tr("to be known:"), *(f"  {translate_kept(one)}" for one in self.notes)]
        return "\n".join([*lines, "", self.closing])

    @property
    def closing(self) -> str:
        """The three sentences and where the report is: what a reader needs who has seen the steps."""
        with use_language(self.language):
            where = tr("report: {file}", file=printable_text(self.report))
        return "\n".join([*self.verdict, where])


class AuditSteps:
    """The steps of one audit, in its folder.

    Parameters
    ----------
    asked : AuditRequest
    out : Path
    progress : bool
        Whether steps are told, on the error output.
    """

    kept: AuditRecord
    known: StudyFindings

    def __init__(self, asked: AuditRequest, out: Path, *, progress: bool) -> None:
        self.asked, self.out, self.progress = asked, out, progress
        self.number, self.count = 0, 8 + 2 * (asked.train is not None)
        self.began = time.monotonic()

    def say(self, text: str) -> None:
        """Tell whoever watches."""
        if self.progress:
            print(text, file=sys.stderr, flush=True)  # noqa: T201

    def begin_step(self, title: str) -> None:
        """Tell which step begins."""
        self.number += 1
        self.say(f"[{self.number}/{self.count}] {title}")

    def look(self, known: AuditRecord | None, given: dict[str, str]) -> None:
        """What is found out, or was before; it is kept by what was given."""
        self.begin_step(tr("looking at the model and the images"))
        self.kept = dataclasses.replace(known or find_out(self.asked), given=given)
        if known is None:
            self.out.mkdir(parents=True, exist_ok=True)
            write_record(self.out, self.kept)
        if self.asked.shortcut:
            self.kept = dataclasses.replace(self.kept, shortcut=self.asked.shortcut)
        for one in (*map(str, self.kept.discoveries), *map(translate_kept, self.kept.notes)):
            self.say(f"    {one}")

    @property
    def choices(self) -> AuditChoices:
        """What was decided."""
        return self.kept.choices

    def note(self, text: str) -> None:
        """Something that has to be known beside the report, as `in_english` makes it."""
        self.kept = with_note(self.kept, text)
        write_record(self.out, self.kept)
        self.say(f"    {translate_kept(text)}")

    def note_stopped(self) -> None:
        """Say that somebody stopped it at the repair, in the report, too."""
        self.note(STOPPED)

    @contextlib.contextmanager
    def possible_step(self, title: str, shown: str = "") -> Iterator[None]:
        """A step that may not be possible: then it is said why, and the others go on."""
        self.begin_step(shown or translate_kept(title))
        notes = tuple(one for one in self.kept.notes if not one.startswith(f"{title}: "))
        self.kept = dataclasses.replace(self.kept, notes=notes)  # it may be possible now
        try:
            yield
        except SightlineError as error:
            why = str(error).removesuffix(f" [{error.slug}]")
            self.note(in_english("{step}: left out. {why}", step=title, why=why))

    def explain(self) -> Study:
        """The study of all images that are not held out."""
        self.begin_step(tr("explaining images"))
        asked, chosen = self.asked, self.choices
        plan = Plan(
            segment=parse_option("segment", chosen.segment),
            fill=parse_option("fill", chosen.fill),
            budget=chosen.budget,
            seed=asked.seed,
        )
        by_text = isinstance(asked.data, str | PathLike)
        form = ImageFormat(size=chosen.size, mode=chosen.mode, values=chosen.values) if by_text else None
        threshold = None if asked.view.threshold == 0.5 else asked.view.threshold
        names, data = chosen.class_names or asked.class_names, asked.data
        model: Any = model_of_choices(asked, chosen)
        if not is_a_file(self.out / STUDY / PLAN):  # what was guessed is kept with the study from the start
            split = HoldoutRule(chosen.held_out, plan.seed) if chosen.held_out else None
            opening = names, asked.preprocess, asked.trust, asked.output
            data, model = open_both(data, model, form, split, opening, asked.view)
            model = dataclasses.replace(model, guesses=self.kept.guesses, weighing=self.kept.weighing)
        study = Study(self.out / STUDY, plan).run(
            data,
            model,
            image_format=form,
            class_names=names,
            preprocess=asked.preprocess,
            output=asked.output,
            label=asked.view.label,
            threshold=threshold,
            held_out=chosen.held_out or None,
            trust=asked.trust,
            check_range=False,
            progress=self.progress,
        )
        self.known = read_findings(study, study.path, {})
        self._groups(study)  # refused before they are needed, if there are none
        wrong = int((study.labels != study.predicted).sum())
        told = tr("{n:,} images explained, {wrong:,} answers wrong", n=len(study), wrong=wrong)
        self.say(f"    {told}")
        return study

    def draw_atlas(self, study: Study) -> None:
        """Where the model looks, in a figure."""
        file = study.path / "atlas.png"
        with self.possible_step(in_english("where it looks when it is right and when it is wrong")):
            if not is_a_file(file):
                from sightline.figures import figure_to_png

                figure = atlas(study, progress=self.progress).plot()
                write_bytes(file, figure_to_png(figure))

    def ask_causes(self, study: Study) -> None:
        """Causes that lie in whole images."""
        with self.possible_step(in_english("causes in whole images")):
            asked = self.asked
            self._kept_or_made(
                "causes",
                study,
                lambda: image_causes(
                    study,
                    table=asked.table,
                    key=asked.key,
                    groups=self._groups(study),
                    seed=asked.seed,
                    progress=self.progress,
                ),
            )

    def blame_areas(self, study: Study) -> None:
        """Regions that have a fixed place and concepts, in the order that suits; until some drive errors."""
        steps: list[tuple[str, Callable[[Study], Blame]]] = [
            (in_english("regions that drive errors"), self._blame_regions),
            (in_english("concepts that drive errors, wherever they are"), self._blame_concepts),
        ]
        if not self.choices.aligned and self.asked.regions is None:
            steps.reverse()
        confirmed: tuple[str, ...] = ()
        for title, ask in steps:
            if confirmed:
                told = {"step": translate_kept(title), "region": shown_name(confirmed[0])}
                self.begin_step(tr("{step}: not asked, since {region} does", **told))
                continue
            with self.possible_step(title):
                confirmed = ask(study).confirmed

    def _blame_regions(self, study: Study) -> Blame:
        told = self.asked.regions

        def ask() -> Blame:
            return self._blame_places(study) if told is None else self._ask_blame(study, lambda: named(told))

        return self._kept_blame(study, "blame", AREAS, ask)

    def _blame_concepts(self, study: Study) -> Blame:
        groups, seed = self._groups(study), self.asked.seed

        def find() -> Regions:
            return concepts(study, groups=groups, seed=seed, progress=self.progress)

        return self._kept_blame(study, "concepts", CONCEPT_AREAS, lambda: self._ask_blame(study, find))

    def _blame_places(self, study: Study) -> Blame:
        """Of places that nobody named: those of grids, and where none is confirmed, areas made of the errors.

        The former need fewer calls and lose no errors to the search, so that they find more in few errors;
        the latter outline what fits no grid, such as a border. They share the chance of a false alarm.
        """
        searches = (
            self.choices.aligned
            and self.choices.answers * BLAME_CALLS >= SEARCH_CALLS
            and (study.labels != study.predicted).sum() >= ENOUGH
        )
        level = LEVEL - SEARCH_LEVEL if searches else LEVEL
        began = time.monotonic()
        places = self._ask_blame(study, usual_regions, fill=self.asked.fill or Surroundings(), level=level)
        if not searches or places.confirmed or places.lack:
            return places
        # Filling from surroundings may take longer than the model does.
        needed = SEARCH_CALLS * (time.monotonic() - began) / max(places.calls, 1) / 60
        if needed > BLAME_SHARE * self.asked.minutes:
            self.note(
                in_english(
                    "Areas were not searched for in the errors: that takes about {n:.0f} minutes here; "
                    "--minutes gives more.",
                    n=needed,
                )
            )
            return places

        def search() -> Regions:
            with collect_warnings():  # whether images are aligned was measured
                groups, seed = self._groups(study), self.asked.seed
                return from_errors(study, groups=groups, seed=seed, progress=self.progress)

        made = self._ask_blame(study, search, fill=self.asked.fill, level=SEARCH_LEVEL)
        more = made.confirmed or (made.relied_on and not places.relied_on)
        return made if more else places

    def _ask_blame(
        self,
        study: Study,
        find: Callable[[], Regions],
        *,
        fill: str | Fill | None = None,
        level: float = LEVEL,
    ) -> Blame:
        return blame(
            study,
            find(),
            fill=fill,
            level=level,
            groups=self._groups(study),
            max_answers=self.choices.answers,
            seed=self.asked.seed,
            progress=self.progress,
        )

    def _kept_blame(self, study: Study, name: str, areas: str, make: Callable[[], Blame]) -> Blame:
        """The blame of a file, or one that is made and kept with its regions."""

        def ask() -> Blame:
            made = make()
            if made.areas is not None:
                made.areas.save(study.path / areas)
            return made

        found: Blame = self._kept_or_made(name, study, ask)
        return found

    def _kept_or_made(self, name: str, study: Study, make: Callable[[], Any]) -> Any:
        """A result of the answers that the study has now, out of its file; else it is made and kept."""
        known = getattr(self.known, name)
        if known is not None:
            self._say_kept()
            return known
        made = make()
        write_json(study.path / f"{name}.json", made.to_dict())
        self.known = dataclasses.replace(self.known, **{name: made})
        self.say("    " + made.verdict.replace("\n", "\n    "))
        return made

    def _say_kept(self) -> None:
        self.say("    " + tr("taken from before"))

    def _groups(self, study: Study) -> Any:
        return column_of_groups(study, self.asked.groups, self.asked.table, self.asked.key)

    def measure_slices(self, study: Study) -> None:
        """How the model does on each slice, where a table tells any."""
        asked = self.asked
        if asked.table is None and list_of_study(study) is None:
            self.begin_step(tr("slices: no table of the images"))
            return
        with self.possible_step(in_english("slices of the data")):
            self._kept_or_made(
                "slices",
                study,
                lambda: slices(study, asked.table, key=asked.key, seed=asked.seed, progress=self.progress),
            )

    def repair(self, study: Study) -> RepairResult | None:
        """The model repaired where it is misled, if training images are given."""
        if self.asked.train is None:
            return None
        self.kept = dataclasses.replace(
            self.kept, notes=tuple(one for one in self.kept.notes if one != STOPPED)
        )
        region, where = self._misleading()
        if not region:
            self.begin_step(tr("repair: nothing misleads, as far as could be shown"))
            return None
        title = in_english("repair: {region}", region=region)
        with self.possible_step(title, tr("repair: {region}", region=thing_name(region))):
            folder = self.out / REPAIR
            if is_a_file(folder / store.NAME):
                self._refuse_another(study, folder, region)
                self._say_kept()
                if is_a_file(folder / PROOF):
                    return None
                known = {study.manifest.model_text: study.model}
                return store.load_repair(folder, trust=self.asked.trust, known=known)
            if self.kept.no_repair == region:
                self.say("    " + tr("no method repaired it before"))
                return None
            return self._choose_repair(study, folder, region, where)
        return None

    def _repairs(self, study: Study, folder: Path, region: str) -> bool:
        """Whether the repair in a folder is one of this model, of this region or these concepts."""
        notes = store.read_repair_notes(folder)
        named = {printable_text(one) for one in (region, " + ".join(region.split(", ")))}
        if self.kept.repair:
            ours = notes.key == self.kept.repair
        else:  # of a value of Python's no text tells whose it is
            ours = bool(notes.original) and notes.original == split_secret(study.manifest.model_text)[0]
        return ours and notes.region in named

    def _refuse_another(self, study: Study, folder: Path, region: str) -> None:
        """Refuse to take the repair of something else for this one's.

        Raises
        ------
        OptionError
            If it is.
        """
        if not self._repairs(study, folder, region):
            was = store.read_repair_notes(folder).region
            raise OptionError(
                f"{folder} holds a repair of {was!r} or of another model, and now {region!r} is to be "
                "repaired: move that folder away, or give the audit another one, out= (-o).",
                slug="audit-other",
            )

    def _choose_repair(
        self, study: Study, folder: Path, region: str, where: str | Regions
    ) -> RepairResult | None:
        """The best repair there is time for, kept in its folder."""
        store.ensure_free_folder(folder)
        train, told = self.asked.train, study.manifest.asked_label
        learn = self._untouched(study, resolve_images(train, self._train_format(study), **told).source)
        whole = 60 * self.asked.minutes
        left = (1 - PROOF_SHARE) * whole - (time.monotonic() - self.began)
        choice = choose(
            study.model,
            learn,
            where,
            study=study,
            seconds=max(left, REPAIR_SHARE * whole),
            seed=self.asked.seed,
            keep=folder,
            progress=self.progress,
        )
        if trainer_of(study.model) is None:
            self.note(UNTRAINED)
        failed = [one for one in choice.trials if one.failed]
        for one in failed:
            self.say(f"    {one.method}: {translate_kept(one.failed)}")
        if choice.result is None:
            if not failed:  # what failed may be done with more time
                self.kept = dataclasses.replace(self.kept, no_repair=region)
            with use_language("en"):
                verdict = choice.verdict
            self.note(in_english("repair: {region}: {why}", region=region, why=verdict))
            return None
        learned = str(train) if isinstance(train, str | PathLike) else ""
        text = study.manifest.model_text
        self.kept = dataclasses.replace(self.kept, repair=choice.result.provenance.key)
        write_record(self.out, self.kept)
        store.save_repair(folder, choice.result, text, learn[0][0], choice, train=learned)
        self.say(f"    {choice.verdict}")
        return choice.result

    def _untouched(self, study: Study, learn: Dataset) -> Dataset:
        """The training images without those that are held out, or nearly: a proof needs them untouched."""
        if study.manifest.split is None:
            return learn
        places = study.manifest.split.complement().select(len(study.source))
        kept = [as_image(study.image(place)) for place in places.tolist()]
        known, exact, looks = set(map(image_digest, kept)), [], []
        for one in range(len(learn)):
            image = as_image(learn[one][0])
            exact.append(image_digest(image) in known)
            looks.append(looks_of([image]))
        found = match_looks(np.concatenate(looks), looks_of(kept))
        there = np.array(exact) | found.same | found.near
        if not there.any():
            return learn
        leak = in_english(
            "{n:,} of the training images are among those held out, or nearly the same as one of them: "
            "the repair does not learn from them, and yet the model may have, so that the proof is not "
            "of images that are new to it.",
            n=int(there.sum()),
        )
        self.kept = dataclasses.replace(self.kept, leak=leak)
        self.note(leak)
        return Subset(learn, np.flatnonzero(~there))

    def _misleading(self) -> tuple[str, str | Regions]:
        """What to repair, and where it is: what a person calls a shortcut, else what was confirmed."""
        region = self.kept.shortcut or driven_by(self.known)
        return region, self._place_of(region)

    def _place_of(self, region: str) -> str | Regions:
        """Where a region lies, several concepts, or a property, which is in the whole image.

        Raises
        ------
        OptionError
            If a person named it, and nothing of that name was looked at.
        """
        areas = [one.areas for one in self.known.blamed if one.areas is not None]
        for several in areas:
            names = [region] if region in several else region.split(", ")
            if all(name in several for name in names):
                return several[names]
        known = [] if self.known.causes is None else [one.name for one in self.known.causes.causes]
        if region in known or not self.kept.shortcut:
            return region
        known += [name for several in areas for name in several.names]
        raise OptionError(
            f"there is no {region!r} among what this audit looked at. {did_you_mean(region, known)} What "
            "lies elsewhere: give it as regions= (--regions).",
            slug="audit-shortcut",
        )

    def _train_format(self, study: Study) -> ImageFormat | None:
        """The form of training images that a text names."""
        chosen = self.choices
        if not isinstance(self.asked.train, str | PathLike):
            return None
        return ImageFormat(size=chosen.size, mode=chosen.mode, values=chosen.values)

    def prove(self, study: Study, repaired: RepairResult | None) -> None:
        """The proof on images that nothing has touched, if there are some, of a repair, if there is one."""
        if self.asked.train is None:
            return
        folder = self.out / REPAIR
        if is_a_file(folder / PROOF):
            self.begin_step(tr("proof: taken from before"))
            return
        if repaired is None or study.manifest.split is None:
            none = tr("proof: nothing was repaired"), tr("proof: no images were held out")
            self.begin_step(none[repaired is not None])
            return
        with self.possible_step(in_english("proof, on images that nothing has used")):
            rule = study.manifest.split.complement()
            whole = OpenedData(study.source, study.manifest.data_text, study.manifest.image_format, rule)
            part = some_images(whole, len(study.held_out), self.choices.proved)
            unused = self._new_to_repair(repaired, part.source[part.selected_places()])
            pair: Any = explain_held_out(
                study,
                folder,
                repaired,
                repaired.model,
                part,
                EXPLAINED,
                trust=self.asked.trust,
                progress=self.progress,
            )
            made = prove(
                study.model,
                repaired,
                unused,
                study=study,
                explained=0,
                seed=self.asked.seed,
                progress=self.progress,
                **pair,
            )
            made = note_proof(made, study.path)
            write_json(folder / PROOF, made.to_dict())
            self.say(f"    {made.headline}")

    def _new_to_repair(self, repaired: RepairResult, held_out: Dataset) -> Dataset:
        """The held-out images without those that the data has twice: also among those a repair has used."""
        used, _ = used_in_repair(repaired.provenance, held_out)
        if not used:
            return held_out
        self.note(
            in_english(
                "{n:,} of the {all:,} held-out images the repair has seen, since the data has them twice: "
                "they are left out of the proof.",
                n=len(used),
                all=len(held_out),
            )
        )
        left: Dataset = held_out[np.delete(np.arange(len(held_out)), used)]
        return left

    def report(self, study: Study) -> Audit:
        """The report of all that is in the folder, and the verdict."""
        self.begin_step(tr("writing the report"))
        folder = self.out / REPAIR
        region, _ = self._misleading()
        made_here = is_a_file(folder / store.NAME) and self._repairs(study, folder, region)
        repaired = folder if made_here and self.asked.train is not None else None
        made = report(study, repaired=repaired, lang=self.asked.lang, progress=self.progress)
        open_one = next((one.relied_on[0] for one in self.known.blamed if one.relied_on), "")
        asks = open_one if not region and repaired is None and self.asked.train is not None else ""
        summary = self._with_discoveries(made.summary, asks)
        claim = None if repaired else self._claim_without_repair(region)
        if repaired is not None and self.kept.leak:
            claim = with_leak(summary.verdict[2], translate_kept(self.kept.leak))
        if claim is not None:
            summary = dataclasses.replace(summary, verdict=(*summary.verdict[:2], claim))
        made = dataclasses.replace(made, summary=summary)
        file = made.save(self.out / "report.html")
        return Audit(
            folder=self.out,
            study=study,
            verdict=tuple(one.text for one in made.summary.verdict),
            discoveries=self.kept.discoveries,
            notes=self.kept.notes,
            misleads=region,
            repair=repaired,
            report=file,
            language=current_language(),
        )

    def _claim_without_repair(self, region: str) -> Claim | None:
        """What an audit knows, and its study does not, of why what misleads is not repaired."""
        if not region:
            return None
        if self.asked.train is not None and self.kept.no_repair == region:
            told = tr(
                "A repair of {region} was tried, and no method made the model better: it is left as it is.",
                region=shown_name(region),
            )
            return Claim(told, "tested")
        command = command_to_repeat(self.asked._replace(train="TRAIN"), self.out)
        if self.asked.train is not None or not command:
            return None
        how = tr(
            "Nothing was done about it yet: with images that the model has learned from, it is repaired, "
            "and that is proved, by {how}",
            how=printable_text(command),
        )
        return Claim(how, "open")

    def _with_discoveries(self, summary: Summary, open_one: str) -> Summary:
        """With what was found out and not asked, what has to be known, and how to go on.

        Parameters
        ----------
        summary : Summary
        open_one : str
            What the model goes by, if nobody has said whether that is right, and it could be repaired.
        """
        told = tuple(
            (translate_kept(one.name), f"{translate_kept(one.found)} ({translate_kept(one.reason)})")
            for one in self.kept.discoveries
        )
        examined = dataclasses.replace(summary.examined, settings=(*summary.examined.settings, *told))
        verdict = summary.verdict
        if open_one:
            ask = command_to_repeat(self.asked._replace(shortcut=open_one), self.out)
            how = printable_text(ask or f"sl.audit(..., shortcut={open_one!r})")
            verdict = (*verdict[:2], Claim(open_question(open_one, how), "open"))
        return dataclasses.replace(
            summary,
            examined=examined,
            verdict=verdict,
            limits=tuple(dict.fromkeys([*map(translate_kept, self.kept.notes), *summary.limits])),
        )
