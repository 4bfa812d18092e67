"""what a study's folder names, or what is given in its place → its images and its model, opened on demand."""

from os import PathLike
from pathlib import Path
from typing import Any

from sightline.data import ImageFormat
from sightline.errors import OptionError
from sightline.study import provenance
from sightline.study.manifest import NAME, Manifest, check_output, check_same_format
from sightline.study.provenance import OpenedData, OpenedModel


class StudyInputs:
    """Images and model of a study in a folder; those that are given have to be those that it began with.

    Parameters
    ----------
    path : Path
        The study's folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._data: OpenedData | None = None
        self._model: OpenedModel | None = None
        self._trust = False

    @property
    def _recorded(self) -> str:
        """The file that texts of the study were read from; empty where they are trusted."""
        return "" if self._trust else str(self.path / NAME)

    def trust(self) -> None:
        """Let what the folder itself names be opened."""
        self._trust = True

    def begin(self, data: OpenedData, model: OpenedModel) -> None:
        """Keep what the study was just begun with."""
        self._data, self._model = data, model

    def data(self, manifest: Manifest) -> OpenedData:
        """The labelled images.

        Raises
        ------
        OptionError
            If they were held in memory, by another process, or are others now.
        """
        if self._data is None:
            if not manifest.data_text:
                raise self._given_from_memory("images", slug="study-data")
            given = {"recorded": self._recorded, **manifest.asked_label}
            self._keep_data(manifest, manifest.data_text, manifest.image_format, **given)
        assert self._data is not None
        return self._data

    def model(self, manifest: Manifest) -> OpenedModel:
        """The model, and how workers open it.

        Raises
        ------
        OptionError
            If it was held in memory, by another process, or is another one now.
        FileError
            If opening it needs trust.
        """
        if self._model is None:
            if not manifest.model_text:
                raise self._given_from_memory("model", slug="study-model")
            opened = provenance.resolve_model(
                manifest.model_text,
                manifest.column_names,
                None,
                self._trust,
                manifest.output,
                recorded=self._recorded,
                view=manifest.view,
            )
            self._keep_model(manifest, opened)
        assert self._model is not None
        return self._model

    def attach_data(self, manifest: Manifest, data: Any, image_format: ImageFormat | None) -> None:
        """Take images that are given."""
        if isinstance(data, str | PathLike):
            if image_format is not None:
                check_same_format(manifest, image_format, self.path)
            image_format = manifest.image_format
        self._keep_data(manifest, data, image_format, **manifest.asked_label)

    def attach_model(
        self, manifest: Manifest, model: Any, preprocess: Any, output: str | None, *, trust: bool
    ) -> None:
        """Take a model that is given."""
        check_output(manifest, output, self.path)
        kept = output if manifest.output == "auto" else manifest.output
        names, view = manifest.column_names, manifest.view
        self._keep_model(
            manifest,
            provenance.resolve_model(model, names, preprocess, trust, kept, by_end=output is None, view=view),
        )

    def _keep_data(
        self, manifest: Manifest, data: Any, image_format: ImageFormat | None, **given: Any
    ) -> None:
        opened = provenance.resolve_images(data, image_format, manifest.split, **given)
        provenance.check_data(manifest, opened.source, self.path)
        self._data = opened

    def _keep_model(self, manifest: Manifest, opened: OpenedModel) -> None:
        provenance.check_model(manifest, self.data(manifest).source, opened, self.path)
        self._model = opened

    def _given_from_memory(self, what: str, *, slug: str) -> OptionError:
        was, it = ("were", "them") if what == "images" else ("was", "it")
        return OptionError(
            f"the {what} of the study in {self.path} {was} given from memory: give {it} again, as in "
            "study.attach(data, model).",
            slug=slug,
        )
