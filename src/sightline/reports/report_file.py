"""study → Report: one value, and the files and cells that show it."""

import dataclasses
import html
import json
from collections.abc import Callable
from os import PathLike
from pathlib import Path

import numpy as np

from sightline._arguments import clear_arguments
from sightline._checks import check_whole
from sightline._files import write_bytes
from sightline._language import translate as tr
from sightline._language import use_language
from sightline._own_files import check_replaceable, marked_card, marked_json, marked_page
from sightline.errors import FileError, OptionError
from sightline.findings.blame_result import Blame
from sightline.findings.cause_result import ImageCauses
from sightline.findings.slice_result import Slices
from sightline.proof.result import Proof
from sightline.repair.method import RepairResult
from sightline.reports.claims import is_on_new_images
from sightline.reports.image_data import with_used_maps
from sightline.reports.markdown import basis_text, page_markdown
from sightline.reports.study_summary import summarise
from sightline.reports.summary import Summary
from sightline.study.schema import StudyResults
from sightline.study.study import as_kept_study
from sightline.types import record

MAX_BYTES = 15_000_000
"""What a report's file may have, unless it is said: what can be mailed."""
IN_CELL = 120
"""Images of a report that shows itself in a notebook, whose file keeps it."""
CELL_HEIGHT = 720
FORMS = {".html": "html", ".htm": "html", ".json": "json", ".md": "md"}
"""Ends of names, and what is written."""


@record
class WrittenReport:
    """What was written.

    Parameters
    ----------
    path : Path
    bytes : int
    images : int
        That are shown in it.
    """

    path: Path
    bytes: int
    images: int


@record
class Report:
    """A study's report; made by `report`.

    Parameters
    ----------
    summary : Summary
        All that it says.
    max_bytes : int
        What its file may have.
    """

    summary: Summary
    max_bytes: int = MAX_BYTES

    @clear_arguments
    def save(self, path: str | PathLike[str]) -> Path:
        """Write it. An earlier report is replaced; one that was changed by hand, or any other file, stays.

        Parameters
        ----------
        path : path
            Ends in ``.html`` (all of it), ``.json`` (the same as numbers and words, which
            `Summary.from_dict` reads) or ``.md`` (in short, for a comment on a pull request).

        Returns
        -------
        Path

        Raises
        ------
        OptionError
            If it ends otherwise, or even a page without images has more than `max_bytes`.
        FileError
            If it cannot be written, or a file is there that is no report as it was written.
        """
        return self.write(Path(path)).path

    def write(self, path: Path) -> WrittenReport:
        """Write it as `save` does, and tell how large it became."""
        kind = FORMS.get(path.suffix.lower())
        if kind is None:
            raise OptionError(
                f"a report's file ends in .html, .json or .md, but {str(path)!r} was given.",
                slug="report-path",
            )
        text, images = self.text(kind)
        content = text.encode()
        try:
            check_replaceable(path, content, of_report=True)
            write_bytes(path, content)
        except OSError as error:
            raise FileError(
                f"the report cannot be written to {str(path)!r}: {error.strerror or error}. Name a file in a "
                "folder that is there and can be written to.",
                slug="report-write",
            ) from error
        return WrittenReport(path, len(content), images)

    def text(self, kind: str) -> tuple[str, int]:
        """The text of its file, and how many images are shown in it.

        Parameters
        ----------
        kind : {"html", "json", "md"}
        """
        if kind == "md":
            return marked_card(page_markdown(self.summary).encode()).decode(), 0
        render = _file_of_page if kind == "html" else _file_of_json
        return _text_within(self.summary, render, self.max_bytes)

    def knows(self, gate: str) -> bool:
        """Whether a gate can go by what was asked, `fails_on`: of all images, and not of too few errors."""
        if gate == "harmful":
            repair = self.summary.repair
            return repair is not None and bool(repair.verdict) and repair.of_study
        seen = self.summary.examined
        if not seen.explained or seen.explained + seen.failed < seen.wanted:
            return False
        asked = self.summary.causal_sections
        return not seen.wrong or any(one.asked and one.basis != "unknown" for one in asked)

    def fails_on(self, gate: str) -> bool:
        """Whether a gate does not let the model pass.

        Parameters
        ----------
        gate : {"harmful", "errors-driven"}
            Whether the repair's proof says that it does harm; whether something is confirmed to drive the
            errors, and no proof of a repair of this model says that all of it is repaired.
        """
        repair = self.summary.repair
        if gate == "harmful":
            return repair is not None and repair.verdict == "harmful"
        asked = self.summary.causal_sections
        driven = any(row.status == "drives errors" for one in asked for row in one.rows)
        mended = repair is not None and repair.verdict == "repaired" and repair.of_study
        new = repair is not None and is_on_new_images(repair)
        return driven and (repair is None or not mended or not new or bool(repair.leaves))

    def _repr_html_(self) -> str:
        """For a notebook: the verdict, which no notebook takes away, and the page in a frame of its own."""
        page, _ = _text_within(fewer_images(self.summary, IN_CELL), _page_text, self.max_bytes)
        # The verdict stands above it, and would be read twice.
        page = page.replace("<body>", '<body class="in-cell">', 1)
        with use_language(self.summary.language):
            said = "".join(
                f"<li>{html.escape(one.text)} <i>({html.escape(basis_text(one.basis))})</i></li>"
                for one in self.summary.verdict
            )
            title = html.escape(self.summary.title)
        return (
            f'<div lang="{self.summary.language}"><p><b>{title}</b></p><ol>{said}</ol>'
            f'<iframe title="{title}" srcdoc="{html.escape(page)}" sandbox="allow-scripts" '
            f'width="100%" height="{CELL_HEIGHT}" '
            'style="border:1px solid #9aa0a6;border-radius:6px;resize:vertical"></iframe></div>'
        )

    def __repr__(self) -> str:
        with use_language(self.summary.language):
            lines = [
                self.summary.title,
                *(
                    f"{place}. {one.text} ({basis_text(one.basis)})"
                    for place, one in enumerate(self.summary.verdict, 1)
                ),
                self.summary.sampling,
            ]
        return "\n".join(lines)


@clear_arguments
def report(
    study: StudyResults | str | PathLike[str],
    *,
    repaired: RepairResult | Proof | str | PathLike[str] | None = None,
    blame: Blame | None = None,
    concepts: Blame | None = None,
    causes: ImageCauses | None = None,
    slices: Slices | None = None,
    proof: Proof | None = None,
    lang: str | None = None,
    max_bytes: int = MAX_BYTES,
    progress: bool | None = None,
) -> Report:
    """All that is known of a study in one file that can be mailed: what is wrong, why, and what was done.

    A result that is given is shown; else the one that a command left in the study's folder (``blame.json``,
    ``causes.json``, ``slices.json``, and of a repair's folder ``proof.json``). One that was found in other
    answers than the study has now is left aside, and that is said; what nobody asked is said to be not asked.
    The model is not asked: nothing is computed but means over what the study holds.

    Parameters
    ----------
    study : Study, or the path of its folder
    repaired : RepairResult, Proof or path, optional
        A repair of the study's model; a path is the folder of one.
    blame, concepts : Blame, optional
        Of regions that have a fixed place, and of such that are known by their looks.
    causes : ImageCauses, optional
    slices : Slices, optional
    proof : Proof, optional
        Of the repair.
    lang : {"en", "ko"}, optional
        Language; by default what ``SIGHTLINE_LANG`` says, else English.
    max_bytes : int
        What its file may have at most: images become smaller, then coarser, then fewer, and the file says so.
    progress : bool, optional
        Show a progress bar; by default on a terminal and in a notebook.

    Returns
    -------
    Report
        Shows itself in a notebook; ``.save("report.html")`` writes it, ``.summary`` is its value.

    Raises
    ------
    FileError
        If there is no study in the folder, or no repair.
    OptionError
        If something else is given.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import sightline as sl
    >>> images = np.random.default_rng(0).random((6, 8, 8))
    >>> labels = (images[:, :4].mean(axis=(1, 2)) > 0.5).astype(int)
    >>> def model(images):
    ...     return np.clip(images[:, :4].mean(axis=(1, 2)), 0, 1)
    >>> folder = tempfile.mkdtemp()
    >>> plan = sl.Plan(segment=sl.Grid(rows=2, columns=2), budget=16, fill="colour")
    >>> made = sl.report(sl.Study(folder, plan).run((images, labels), model))
    >>> print(made.summary.verdict[0].text)
    All of 6 answers are right: there is no error to explain.
    >>> made.save(f"{folder}/report.md").name
    'report.md'
    """
    opened = as_kept_study(study, "a report")
    most = check_whole("max_bytes", max_bytes)
    given = {"blame": blame, "concepts": concepts, "causes": causes, "slices": slices}
    with use_language(lang):
        made = summarise(
            opened, repaired=repaired, proof=proof, given=given, max_bytes=most, progress=progress
        )
    return Report(made, most)


def _page_text(summary: Summary) -> str:
    from sightline.reports.page import page_html  # with Jinja2, which nothing else needs

    return page_html(summary)


def _json_text(summary: Summary) -> str:
    return json.dumps(summary.to_dict(), ensure_ascii=False, separators=(",", ":"))


def _file_of_page(summary: Summary) -> str:
    return marked_page(_page_text(summary).encode()).decode()


def _file_of_json(summary: Summary) -> str:
    return marked_json(_json_text(summary).encode()).decode()


def _text_within(summary: Summary, render: Callable[[Summary], str], max_bytes: int) -> tuple[str, int]:
    """A text that has no more bytes than that, with as many images as it takes.

    Raises
    ------
    OptionError
        If it has more without any image.
    """
    while True:
        text = render(summary)
        size, shown = len(text.encode()), len(summary.images)
        if size <= max_bytes:
            return text, shown
        if not shown:
            raise OptionError(
                f"the report has {size:,} bytes without any image, and max_bytes={max_bytes:,} was asked "
                "for: allow more (--max-bytes).",
                slug="report-bytes",
            )
        summary = fewer_images(summary, int(0.9 * shown * max_bytes / size), max_bytes)


def fewer_images(summary: Summary, most: int, max_bytes: int = 0) -> Summary:
    """The same with at most so many images: those that are shown without scripts, and others by chance.

    Parameters
    ----------
    summary : Summary
    most : int
    max_bytes : int
        What that is for, to be told; 0 where it is not.
    """
    count = len(summary.images)
    if count <= most:
        return summary
    special = set(summary.featured)
    order = sorted(np.random.default_rng(0).permutation(count).tolist(), key=lambda one: one not in special)
    kept = sorted(order[:most])
    entries, maps = with_used_maps((summary.images[one] for one in kept), summary.label_maps)
    new = {old: place for place, old in enumerate(kept)}
    groups = tuple(
        dataclasses.replace(one, typical=tuple(new[old] for old in one.typical if old in new))
        for one in summary.groups
    )
    with use_language(summary.language):
        told = tr("Of these {n:,} are kept here.", n=most)
        if max_bytes:
            told = tr(
                "Of these {n:,} are kept, so that the file keeps within {megabytes:g} MB.",
                n=most,
                megabytes=max_bytes / 1e6,
            )
    return dataclasses.replace(
        summary,
        images=entries,
        label_maps=maps,
        groups=groups,
        featured=tuple(new[old] for old in summary.featured if old in new),
        sampling=f"{summary.sampling} {told}",
    )
