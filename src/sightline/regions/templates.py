"""name → Regions: templates that fit images aligned as their own were, grids, and files."""

from collections.abc import Callable, Mapping
from importlib import resources
from os import PathLike, fspath

from sightline._arguments import check_choice, clear_arguments
from sightline._spec import from_spec
from sightline.errors import OptionError
from sightline.regions.region_file import load
from sightline.regions.region_set import Regions, grid

CUTS = {"close": "face", "head": "head"}


@clear_arguments
def face(*, sides: bool = False, cut: str = "close") -> Regions:
    """Hair, forehead, eyes, nose, cheeks, mouth, jaw and background of a frontal face.

    Every pixel belongs to one region. The eyes go with the brows, the nose with the bridge, the mouth with
    the upper lip; the background with neck and clothes.

    Parameters
    ----------
    sides : bool
        Whether the left and the right eye and cheek are regions of their own, ``"left eye"`` and so on.
        Left and right are the image's.
    cut : str
        ``"close"``: from the hairline to the chin, as the Olivetti faces are cut; ``"head"``: the whole head
        with something around it, as `sightline.data.drawn_faces` draws it.

    Returns
    -------
    Regions
        Check them over your own images: ``sightline.figures.plot_regions(face(), images.mean(axis=0))``;
        to move a border, `Regions.save` them, edit the file and `load` it.

    Raises
    ------
    OptionError
        If there is no such cut.

    Examples
    --------
    >>> face()
    <Regions: 8 (hair, forehead, eyes, nose, cheeks, mouth, jaw, background)>
    >>> len(face(sides=True))
    10
    """
    return _load_template(CUTS[check_choice("face cut", cut, CUTS)], sides)


@clear_arguments
def chest(*, sides: bool = False) -> Regions:
    """Lungs, heart, mediastinum, shoulders, abdomen, corners and border of a frontal chest X-ray.

    Left and right lung and shoulder are the **patient's**, as radiologists say it: the left lung lies in the
    right half of the image. Corners are the image's. The border is a narrow frame, where letters,
    tokens and the plate's edge show. The mediastinum is what lies between the lungs above the heart, up to
    the neck. The shoulders go with the side of the chest. Every pixel belongs to one region.

    Parameters
    ----------
    sides : bool
        Whether each shoulder and each corner is a region of its own, ``"left shoulder"``,
        ``"corner top-left"`` and so on.

    Returns
    -------
    Regions
        Fitted to the mean of PneumoniaMNIST's children, from the front and cut close. Check them over your
        own images: ``sightline.figures.plot_regions(chest(), images.mean(axis=0))``; to move a border,
        `Regions.save` them, edit the file and `load` it.

    Examples
    --------
    >>> chest()
    <Regions: 8 (left lung, right lung, heart, mediastinum, shoulders, abdomen, corners, border)>
    >>> (left,) = chest()["left lung"].masks((64, 64))
    >>> bool(left[:, :32].any()), bool(left[:, 32:].any())
    (False, True)
    """
    return _load_template("chest", sides)


def _load_template(name: str, sides: bool) -> Regions:
    home = resources.files("sightline.regions") / "template_files" / f"{name}.toml"
    with resources.as_file(home) as path:
        joined = load(path)
    return joined.apart() if sides else joined


MAKERS: Mapping[str, Callable[..., Regions]] = {"grid": grid, "face": face, "chest": chest}


@clear_arguments
def named(given: "str | PathLike[str] | Regions") -> Regions:
    """Regions from a word, as the command line takes them.

    Parameters
    ----------
    given : str, path or Regions
        ``"face"``, ``"chest"`` or ``"grid:rows=4,columns=4"``; the path of a TOML file; or regions, which
        are given back.

    Returns
    -------
    Regions

    Raises
    ------
    OptionError
        If the name or a parameter does not exist; the message names the nearest valid one.
    FileError
        If the file is missing or cannot be understood.

    Examples
    --------
    >>> len(named("grid:rows=4,columns=4")), "left eye" in named("face:sides=true")
    (16, True)
    """
    if isinstance(given, Regions):
        return given
    if not isinstance(given, str | PathLike):
        raise OptionError(
            f"regions must be a name such as 'face', the path of a TOML file, or Regions, but {given!r} was "
            "given.",
            slug="option-value",
        )
    text = fspath(given)
    if text == "auto":
        raise OptionError(
            "'auto' regions are found in the errors of a study: sightline.regions.from_errors(study).",
            slug="option-value",
        )
    if not isinstance(given, str) or text.lower().endswith(".toml"):
        return load(text)
    made: Regions = from_spec(text, MAKERS, "set of regions", hint=" Or give the path of a TOML file.")
    return made
