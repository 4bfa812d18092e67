"""The study that a studio shows, and what is kept of it between two requests."""

import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

from sightline._digests import combined_digest
from sightline._files import file_stamp
from sightline._language import current_language, use_language
from sightline.errors import OptionError
from sightline.repair.store import read_repair_notes
from sightline.reports.kept_summary import KeptSummary
from sightline.reports.repair_part import open_both
from sightline.reports.study_summary import as_said_now, shown_path, summarise
from sightline.reports.summary import Summary
from sightline.studio.browsed_study import BrowsedStudy
from sightline.studio.jobs import Jobs
from sightline.study.manifest import NAME as PLAN
from sightline.study.study import Study
from sightline.study.verdicts import NAME as VERDICTS

if TYPE_CHECKING:
    from sightline.adapters.checked_model import CheckedModel

RESULTS = ("*.json", "*.toml", "*.npz", "parts/*.parquet", "before/parts/*.parquet")
"""Files of a study's folder, and of a repair's, that what is shown rests on."""
READ_ANEW = (VERDICTS,)
"""Files that are read whenever a page is shown: nothing has to be worked out anew for them."""


class OpenedStudy:
    """A study, its summary, and how its model may be opened; all routes have it as ``app.state.studio``.

    Parameters
    ----------
    run : Path
        The study's folder.
    repair : Path, optional
        The folder of a repair of its model, which is shown; with its proof's explanations, before and after.
    beside : Path, optional
        The folder of another study of the same images, by another method or of another model.
    language : str, optional
        Of the pages; by default as for a report.
    model : str, optional
        The study's model, named again on the command line; it is opened by `load_model` and nowhere else.
    trust : bool
        Whether what the study's own folder names may be opened.
    train : str, optional
        Images that repairs learn from which are started here.

    Raises
    ------
    FileError
        If there is no study.
    """

    def __init__(
        self,
        run: Path,
        *,
        repair: Path | None = None,
        beside: Path | None = None,
        language: str | None = None,
        model: str | None = None,
        trust: bool = False,
        train: str | None = None,
    ) -> None:
        with use_language(language):
            self.language = current_language()
        self.run, self._named_repair, self.beside, self.train = run, repair, beside, train
        self.model, self.trust = model, trust
        self.lock = threading.RLock()
        self.study = self._open_study()
        if repair is not None:
            read_repair_notes(repair)  # says so where there is none
        if beside is not None:
            _ = Study(beside).manifest
        self._browsed: dict[str, BrowsedStudy] = {}
        self._browsed_of = ""
        self._making: Future[Summary] | None = None
        self._telling: Future[Summary] = Future()
        self._made_of = ""
        self._told: tuple[Summary, Summary] | None = None
        self._loaded: CheckedModel | None = None

    def _open_study(self) -> Study:
        study = Study(self.run)
        _ = study.manifest  # says so where there is no study
        return study.attach(trust=True) if self.trust else study

    @property
    def repair(self) -> Path | None:
        """The folder of the repair that is shown: the one that was named, else the latest made here."""
        return self._named_repair or Jobs(self.run).latest_repair()

    def state(self) -> str:
        """Digest of the files that what is shown rests on: another one as soon as there is anything new."""
        folders = [one for one in (self.run, self.repair, self.beside) if one is not None]
        files = [
            file
            for folder in folders
            for ends in RESULTS
            for file in folder.glob(ends)
            if file.name not in READ_ANEW
        ]
        stamps = ((file, file_stamp(file)) for file in sorted(files))
        told = [f"{file} {stamp}" for file, stamp in stamps if stamp is not None]  # joined parts are gone
        return combined_digest([self.study.manifest.key, "\n".join(told)], size=8)

    def summary(self, within: float | None = None) -> Summary | None:
        """All that a report would say of the study as it is now.

        Parameters
        ----------
        within : float, optional
            Seconds to wait; by default as long as it takes.

        Returns
        -------
        Summary or None
            None where it takes longer; it is worked out further.
        """
        ends = None if within is None else time.monotonic() + within
        asked = self.state()
        while True:
            making, of = self._newest_summary()
            try:
                made = making.result(None if ends is None else max(0.0, ends - time.monotonic()))
            except TimeoutError:
                return None
            # One that was begun before what is there now is waited for, and then made once more.
            if of == asked or self._newest_summary()[0] is making:
                with use_language(self.language):
                    return self._as_said_now(made)

    def early_summary(self, within: float) -> Summary | None:
        """What is known before any heat map is read: verdict, answers, results; without maps and groups.

        Parameters
        ----------
        within : float
            Seconds to wait.

        Returns
        -------
        Summary or None
            None where it takes longer, or the whole summary is there already.
        """
        self._newest_summary()
        try:
            return self._telling.result(within)
        except TimeoutError:
            return None

    def _as_said_now(self, made: Summary) -> Summary:
        """With what a person says by now; worked out once for each that was said."""
        if self._told is None or self._told[0] is not made:
            self._told = (made, made)
        self._told = (made, as_said_now(self._told[1], self.study))
        return self._told[1]

    def _newest_summary(self) -> tuple["Future[Summary]", str]:
        """The summary that is made last, and of which state; another one is begun where that is an older."""
        with self.lock:
            state = self.state()
            if self._making is None or (self._made_of != state and self._making.done()):
                # Anew, since it keeps what it has read of images; and first, as it may fail.
                self.study = self._open_study()
                self._making, self._telling, self._made_of = Future(), Future(), state
                threading.Thread(
                    target=self._fill, args=(self._making, self._telling, self.study, state), daemon=True
                ).start()
            return self._making, self._made_of

    def _fill(self, making: "Future[Summary]", telling: "Future[Summary]", study: Study, state: str) -> None:
        """As it was kept of this state, else worked out, and kept if nothing changed meanwhile."""
        try:
            with use_language(self.language):
                kept = KeptSummary(self.run, state, shown_path(study.path))
                made = kept.read()
                if made is None:
                    made = summarise(
                        study, repaired=self.repair, dated=False, progress=False, first=telling.set_result
                    )
                    if self.state() == state:
                        kept.write(made)
                making.set_result(made)
        except BaseException as error:
            making.set_exception(error)

    def pairs(self) -> dict[str, str]:
        """Studies that can be browsed, and which one is shown beside each; empty where none is."""
        found = {"study": "" if self.beside is None else "beside"}
        if self.beside is not None:
            found["beside"] = "study"
        if self.repair is not None and all(
            (one / PLAN).is_file() for one in (self.repair, self.repair / "before")
        ):
            found |= {"before": "after", "after": "before"}
        return found

    def browsed(self, name: str = "study") -> BrowsedStudy:
        """One of the studies of `pairs`, as it is now.

        Raises
        ------
        OptionError
            If there is none of that name.
        """
        if name not in self.pairs():
            raise OptionError(
                f"there is no study of={name!r} here: {', '.join(self.pairs())}.", slug="studio-request"
            )
        with self.lock:
            state = self.state()
            if state != self._browsed_of:
                self._browsed, self._browsed_of = {}, state
            if name not in self._browsed:
                self._browsed[name] = self._open_browsed(name, state)
            return self._browsed[name]

    def _open_browsed(self, name: str, state: str) -> BrowsedStudy:
        # The one that is summarised, where it is the same: a long list of images is then read once.
        study = self.study if self._made_of == state else self._open_study()
        if name == "study":
            return BrowsedStudy(study)
        if name == "beside":
            assert self.beside is not None
            other = Study(self.beside)
            return BrowsedStudy(other.attach(trust=True) if self.trust else other)
        assert self.repair is not None
        both = open_both(study, self.repair)
        if both is None:
            raise OptionError(
                "the repair has no explanations of the same images: first sightline proof RUN REPAIR.",
                slug="studio-request",
            )
        return BrowsedStudy(both[0] if name == "before" else both[1])

    def load_model(self) -> "CheckedModel":
        """The study's model. Only where a person asked for it: code of others may run.

        Raises
        ------
        SightlineError
            If the rules of ``--trust`` do not allow it, or it is another model.
        """
        with self.lock:
            if self._loaded is None:
                study = self._open_study()
                if self.model is not None:
                    study.attach(model=self.model, trust=self.trust)
                self._loaded = study.model
            return self._loaded

    @property
    def has_model(self) -> bool:
        """Whether the model was loaded already."""
        return self._loaded is not None
