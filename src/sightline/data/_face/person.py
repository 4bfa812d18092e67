"""generator → a person, and how one looks in each image: pose, expression, light, surroundings.

Lengths are in half images: the image spans -1 to 1 across and down, the eyes are near 0.
"""

import numpy as np

from sightline.data._face.shapes import Pair
from sightline.types import record

Colour = tuple[float, float, float]

DARK: Colour = (0.10, 0.07, 0.07)
# From light to dark; a person's skin lies somewhere along the way.
SKINS: tuple[Colour, ...] = (
    (0.97, 0.84, 0.75),
    (0.94, 0.77, 0.66),
    (0.88, 0.69, 0.55),
    (0.77, 0.57, 0.43),
    (0.64, 0.45, 0.33),
    (0.51, 0.35, 0.27),
)
HAIRS: tuple[Colour, ...] = (
    (0.09, 0.08, 0.08),
    (0.17, 0.12, 0.09),
    (0.30, 0.19, 0.12),
    (0.44, 0.24, 0.13),
    (0.52, 0.36, 0.20),
    (0.75, 0.60, 0.40),
)
GREY: Colour = (0.66, 0.65, 0.64)
IRISES: tuple[Colour, ...] = ((0.24, 0.14, 0.08), (0.36, 0.24, 0.12), (0.30, 0.42, 0.52), (0.33, 0.42, 0.30))
SHIRTS: tuple[Colour, ...] = (
    (0.20, 0.28, 0.42),
    (0.52, 0.22, 0.22),
    (0.28, 0.40, 0.33),
    (0.82, 0.80, 0.76),
    (0.24, 0.24, 0.27),
    (0.62, 0.55, 0.42),
    (0.44, 0.34, 0.50),
)
# Skin lighter than this may go with fair hair and light eyes.
LIGHT = 0.62


@record
class Style:
    """A way to wear the hair.

    `share` of all people have it; `line` is the height of the hairline, `top` and `side` how far the
    hair stands off the skull, `drop` how far down it covers the temples, `length` where hair behind the
    neck ends (0: there is none), `temple` from where to where across the face it comes down.
    """

    share: float
    line: float = 0.41
    top: float = 0.10
    side: float = 0.035
    drop: float = 0.05
    length: float = 0.0
    temple: tuple[float, float] = (0.45, 1.0)


STYLES = {
    "short": Style(0.18),
    "swept": Style(0.16, top=0.13),
    "fringe": Style(0.10, line=0.31, temple=(0.65, 1.0)),
    "long": Style(0.16, side=0.09, drop=0.9, length=0.98, temple=(0.58, 1.0)),
    "bob": Style(0.10, line=0.33, side=0.1, drop=0.44, length=0.53, temple=(0.65, 1.0)),
    "curly": Style(0.10, top=0.16, side=0.13, drop=0.13, temple=(0.55, 1.0)),
    "buzz": Style(0.08, top=0.012, side=0.008, drop=-0.01),
    "receding": Style(0.07, line=0.48, top=0.05),
    "bald": Style(0.05, line=0.46),
}


@record
class Head:
    """Half width, eyes to chin, eyes to crown, narrowing and squareness of the jaw, neck, ears."""

    width: float
    chin: float
    crown: float
    taper: float
    square: float
    neck: float
    ear: float


@record
class Eyes:
    """Height, half distance, half width, opening and slant of the eyes; form of the brows."""

    y: float
    apart: float
    width: float
    opening: float
    slant: float
    iris: Colour
    brow_gap: float
    brow_thick: float
    brow_arch: float
    brow_slant: float


@record
class Nose:
    """Height of the tip, half width, depth."""

    y: float
    width: float
    depth: float


@record
class Mouth:
    """Height, half width, fullness of both lips, how much redder than the skin."""

    y: float
    width: float
    upper: float
    lower: float
    red: float


@record
class Hair:
    """The style's numbers, as this person has them, and how the strands run."""

    style: str
    colour: Colour
    line: float
    top: float
    side: float
    drop: float
    length: float
    sweep: float
    wave: float
    phase: float


@record
class Glasses:
    """Shape, colour and thickness of the frame, and in what share of the images they are worn."""

    shape: str
    colour: Colour
    thick: float
    habit: float


@record
class Person:
    """Everything that stays the same from image to image."""

    skin: Colour
    hair: Hair
    head: Head
    eyes: Eyes
    nose: Nose
    mouth: Mouth
    glasses: Glasses
    shirt: Colour
    folds: float
    beard: float
    moustache: float


def mix_colours(first: Colour, second: Colour, share: float) -> Colour:
    """The colour `share` of the way from the first to the second."""
    red, green, blue = ((1 - share) * a + share * b for a, b in zip(first, second, strict=True))
    return red, green, blue


def brightness(colour: Colour) -> float:
    """Mean of the three channels."""
    return sum(colour) / 3


def uniform_between(rng: np.random.Generator, low: float, high: float) -> float:
    """A number between the two."""
    return float(rng.uniform(low, high))


def jitter_colour(rng: np.random.Generator, colour: Colour, by: float) -> Colour:
    """About this colour: lighter or darker, and a little off in hue."""
    shift = uniform_between(rng, -by, by)
    red, green, blue = (min(max(c + shift + uniform_between(rng, -by, by) / 3, 0.02), 1.0) for c in colour)
    return red, green, blue


def draw_person(rng: np.random.Generator) -> Person:
    """A person."""
    place = uniform_between(rng, 0, len(SKINS) - 1.001)
    skin = jitter_colour(rng, mix_colours(SKINS[int(place)], SKINS[int(place) + 1], place % 1), 0.015)
    hair = _draw_hair(rng, skin)
    shaven = hair.style in ("long", "bob")
    return Person(
        skin=skin,
        hair=hair,
        head=_draw_head(rng),
        eyes=_draw_eyes(rng, skin),
        nose=Nose(
            y=uniform_between(rng, 0.23, 0.30),
            width=uniform_between(rng, 0.085, 0.135),
            depth=uniform_between(rng, 0.75, 1.25),
        ),
        mouth=_draw_mouth(rng),
        glasses=_draw_glasses(rng),
        shirt=jitter_colour(rng, SHIRTS[rng.integers(len(SHIRTS))], 0.05),
        folds=uniform_between(rng, 0, 1),
        beard=_uniform_or_zero(rng, 0.32, 0.3, 0.95) * (not shaven),
        moustache=_uniform_or_zero(rng, 0.2, 0.5, 0.95) * (not shaven),
    )


def _uniform_or_zero(rng: np.random.Generator, chance: float, low: float, high: float) -> float:
    happens, amount = rng.random() < chance, uniform_between(rng, low, high)
    return amount if happens else 0.0


def _draw_head(rng: np.random.Generator) -> Head:
    width = uniform_between(rng, 0.45, 0.54)
    return Head(
        width=width,
        chin=uniform_between(rng, 0.66, 0.75),
        crown=uniform_between(rng, 0.60, 0.67),
        taper=uniform_between(rng, 0.22, 0.42),
        square=uniform_between(rng, 2.15, 2.7),
        neck=width * uniform_between(rng, 0.5, 0.66),
        ear=uniform_between(rng, 0.85, 1.2),
    )


def _draw_eyes(rng: np.random.Generator, skin: Colour) -> Eyes:
    width = uniform_between(rng, 0.105, 0.135)
    return Eyes(
        y=uniform_between(rng, -0.02, 0.05),
        apart=uniform_between(rng, 0.205, 0.255),
        width=width,
        opening=width * uniform_between(rng, 0.42, 0.62),
        slant=uniform_between(rng, -0.14, 0.08),
        iris=IRISES[rng.integers(len(IRISES) if brightness(skin) > LIGHT else 2)],
        brow_gap=uniform_between(rng, 0.12, 0.165),
        brow_thick=uniform_between(rng, 0.012, 0.034),
        brow_arch=uniform_between(rng, 0.01, 0.05),
        brow_slant=uniform_between(rng, -0.012, 0.021),
    )


def _draw_mouth(rng: np.random.Generator) -> Mouth:
    return Mouth(
        y=uniform_between(rng, 0.43, 0.48),
        width=uniform_between(rng, 0.16, 0.23),
        upper=uniform_between(rng, 0.018, 0.042),
        lower=uniform_between(rng, 0.028, 0.058),
        red=uniform_between(rng, 0.35, 1.0),
    )


def _draw_glasses(rng: np.random.Generator) -> Glasses:
    return Glasses(
        shape=("none", "none", "none", "round", "square")[rng.integers(5)],
        colour=jitter_colour(rng, (0.13, 0.11, 0.10), 0.08),
        thick=uniform_between(rng, 0.013, 0.022),
        habit=(1.0, 1.0, 0.6)[rng.integers(3)],
    )


def _draw_hair(rng: np.random.Generator, skin: Colour) -> Hair:
    name = list(STYLES)[rng.choice(len(STYLES), p=[style.share for style in STYLES.values()])]
    style, swing = STYLES[name], 0.2 if name == "swept" else 0.04
    return Hair(
        style=name,
        colour=jitter_colour(rng, _hair_colour(rng, skin), 0.03),
        line=style.line + uniform_between(rng, -0.03, 0.04),
        top=style.top * uniform_between(rng, 0.8, 1.25),
        side=style.side * uniform_between(rng, 0.8, 1.25),
        drop=style.drop + uniform_between(rng, -0.04, 0.05),
        length=style.length + uniform_between(rng, -0.04, 0.06) * (style.length > 0),
        sweep=(-1.0, 1.0)[rng.integers(2)] * uniform_between(rng, 0.6 * swing, swing),
        wave=uniform_between(rng, 0.7, 1.3),
        phase=uniform_between(rng, 0, 2 * np.pi),
    )


def _hair_colour(rng: np.random.Generator, skin: Colour) -> Colour:
    """Dark skin seldom goes with fair hair; grey goes with all."""
    known = len(HAIRS) if brightness(skin) > LIGHT else 3
    return (*HAIRS[:known], GREY)[rng.integers(known + 1)]


@record
class Look:
    """Pose, expression, light and surroundings of one image.

    Lengths in half images, angles in radians; `light` is where it comes from, across and down.
    """

    across: float
    down: float
    angle: float
    scale: float
    yaw: float
    pitch: float
    smile: float
    open: float
    lids: float
    gaze: Pair
    brows: float
    light: Pair
    ambient: float
    gain: float
    backdrop: Colour
    glow: Pair
    glasses: bool
    noise: float


def draw_look(rng: np.random.Generator, person: Person, variety: float) -> Look:
    """One image's look; at `variety` 0 all images of a person are alike."""

    def about(middle: float, by: float) -> float:
        return middle + variety * uniform_between(rng, -by, by)

    tone = about(0.48, 0.16)
    return Look(
        across=about(0, 0.06),
        down=about(0, 0.05),
        angle=about(0, 0.08),
        scale=about(1, 0.06),
        yaw=about(0, 0.2),
        pitch=about(0, 0.1),
        smile=about(0.6, 0.5),
        open=max(0.0, about(0, 0.7)),
        lids=about(0.97, 0.16),
        gaze=(about(0, 0.35), about(0, 0.2)),
        brows=about(0.006, 0.018),
        light=(about(0, 0.65), about(-0.35, 0.3)),
        ambient=about(0.42, 0.1),
        gain=about(1, 0.12),
        backdrop=jitter_colour(rng, (tone * 0.96, tone, tone * 1.05), 0.04 * variety),
        glow=(about(0, 0.8), about(-0.3, 0.5)),
        glasses=person.glasses.shape != "none" and about(0.5, 0.5) <= person.glasses.habit,
        noise=0.012 * variety,
    )
