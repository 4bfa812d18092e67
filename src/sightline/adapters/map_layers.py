"""tensors in a network, and what each is made of → the last map through which all of a score passes.

A class activation map shows what passes through its layer, and only that. So the layer that is looked at,
where none is named, has to be one that nothing of the score goes round: in the graph of tensors, one without
which no way leads from the image to the score. Of these the last that has height and width is taken, and its
places have to be those of the image: what is changed in the upper half of the image has to change the map's
upper half most. Behind attention, and among tokens, what is read at a place has come from all over the
image: there the map of a trained network may be true of its layer and still point elsewhere in the image, so
that such a layer has to be named.
"""

import dataclasses
import itertools
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float

from sightline.errors import ModelError
from sightline.types import NO_LAYER_NEEDED, Activations, MapLayer, Reshape, option

Parents: TypeAlias = Callable[[Any], Iterable[Hashable]]
"""What a tensor is made of."""
AT_MOST_BEFORE = 16
"""Tokens that may stand before those of the patches: class and register tokens."""
IN_PLACE = 1.5
"""How much more each half of a map has to hang on its own half of the image than on the other."""
GENTLY = 0.05
"""Share of a change by which an image may still go the same way, where it does not with all of it."""
UNMOVED = 1e-2
"""Share of the score's change by which it may differ, and is still said to be the same."""
LISTED = 4


@option
class ChannelsFirst:
    """A map that a PyTorch layer keeps channels last, (B, h, w, C), from how it is read: (B, w, C, h)."""

    def __call__(self, maps: Float[np.ndarray, "B w C h"]) -> Float[np.ndarray, "B h w C"]:
        """The map with its axes in their places."""
        return maps.transpose(0, 3, 1, 2)


@option
class PatchTokens:
    """Tokens (B, T, C) of patches, with others before them → a map (B, h, w, C)."""

    height: int
    width: int
    skip: int

    def __call__(self, tokens: Float[np.ndarray, "B T C"]) -> Float[np.ndarray, "B h w C"]:
        """The map of the patches."""
        return tokens[:, self.skip :].reshape(len(tokens), self.height, self.width, -1)


def halves_changed(
    inputs: Float[np.ndarray, "one h w c"], share: float = 1.0
) -> Float[np.ndarray, "six h w c"]:
    """One image, and it with its upper, lower, left and right half and all of it changed: a batch of six.

    The change is drawn from the image's own values, so that the network is asked nothing unheard of; a share
    of it where a network goes another way for an image that differs much.
    """
    rng = np.random.default_rng(0)
    (image,) = inputs
    low, high = float(image.min()), float(image.max())
    if high == low:
        low, high = low - 0.5, high + 0.5
    other = rng.permutation(image.reshape(-1, image.shape[-1])).reshape(image.shape)
    other = np.clip(other + rng.normal(0, 0.2 * (high - low), image.shape), low, high)
    other = low + (other - low) ** 2 / (high - low)  # another mean, too
    batch = np.repeat(inputs, 6, axis=0)
    height, width = image.shape[0] // 2, image.shape[1] // 2
    parts = (np.s_[:height], np.s_[height:], np.s_[:, :width], np.s_[:, width:], np.s_[:])
    for copy, part in zip(batch[1:], parts, strict=True):
        copy[part] += np.float32(share) * (other[part] - copy[part])
    return batch


def is_only_way(place: Hashable, score: Hashable, inputs: Hashable, parents: Parents) -> bool:
    """Whether every way from the inputs to the score leads through the place.

    Examples
    --------
    >>> made_of = {"score": ["sum"], "sum": ["left", "right"], "left": ["image"], "right": ["image"]}
    >>> [is_only_way(place, "score", "image", lambda one: made_of.get(one, [])) for place in ("sum", "left")]
    [True, False]
    """
    return place in everything_before(score, parents) and inputs not in everything_before(
        score, parents, {place}
    )


def everything_before(score: Hashable, parents: Parents, closed: Set[Hashable] = frozenset()) -> set[Any]:
    """Everything that the score is made of, without what lies behind the closed places."""
    seen, left = {score}, [score]
    while left:
        now = left.pop()
        if now in closed:
            continue
        for one in parents(now):
            if one not in seen:
                seen.add(one)
                left.append(one)
    return seen


def readings(
    activations: Activations, image: tuple[int, ...], grids: Sequence[tuple[int, int]], turns: bool
) -> Iterator[Reshape | None]:
    """The ways in which what a layer gives may be read as a map, the likelier ones first.

    Parameters
    ----------
    activations : array, shape (B, h, w, C) or (B, T, C)
    image : tuple of int
        Height and width of the inputs.
    grids : sequence of (int, int)
        Heights and widths of maps that the network made before, which its tokens may come from.
    turns : bool
        Whether four axes were turned, as if the channels came first.
    """
    if activations.ndim == 4:
        if activations.shape[1] * activations.shape[2] > 1:
            yield None
        if turns and activations.shape[1] * activations.shape[3] > 1:
            yield ChannelsFirst()
    elif activations.ndim == 3:
        count = activations.shape[1]
        known = [(grid, count - grid[0] * grid[1]) for grid in grids]
        fits = [(skip, grid) for grid, skip in known if 0 <= skip <= AT_MOST_BEFORE]
        for skip, (height, width) in dict.fromkeys(sorted(fits, key=lambda one: one[0])):
            yield PatchTokens(height=height, width=width, skip=skip)
        if not fits:
            for skip, (height, width) in itertools.product((0, 1), _patch_grids(image)):
                if height * width + skip == count:
                    yield PatchTokens(height=height, width=width, skip=skip)


def _patch_grids(image: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Numbers of square patches, down and across, into which an image is cut."""
    height, width = image
    seen = set()
    for side in range(1, min(height, width) // 2 + 1):
        for grid in ((height // side, width // side), (-(-height // side), -(-width // side))):
            if grid not in seen:
                seen.add(grid)
                yield grid


def lies_in_place(maps: Float[np.ndarray, "six h w C"]) -> bool:
    """Whether the places of a map are those of the image, by what `halves_changed` does to it.

    Each half has to answer to its own half of the image more than the other one does, as a ratio of ratios,
    so that it does not matter where the map is strong. Where nothing changes, nothing speaks against it.
    """
    moved = np.abs(maps[1:5].astype(np.float64) - maps[:1]).sum(axis=-1)
    for axis, (one, other) in ((0, moved[:2]), (1, moved[2:])):
        length = one.shape[axis]
        if length < 2 or not (one.any() or other.any()):
            continue
        first, last = (slice(0, length // 2), slice(-(length // 2), None))
        of = [
            [float(np.take(at, np.arange(length)[half], axis).sum()) for half in (first, last)]
            for at in (one, other)
        ]
        least = 1e-9 * max(itertools.chain(*of))
        (own, not_own), (other_not_own, other_own) = [[value + least for value in row] for row in of]
        if own * other_own < IN_PLACE * not_own * other_not_own:
            return False
    return True


def remembered_layer(
    known: dict[Hashable, MapLayer], key: Hashable, find: Callable[[], MapLayer]
) -> MapLayer:
    """The layer that was found for such inputs and such a score of a network; else it is looked for.

    Parameters
    ----------
    known : dict
        What was found before, kept with the model.
    key : hashable
        All that the choice depends on but the image: the network's parts, the inputs' shape, the weights,
        and the way that the image takes through the network, where that may be another one.
    find : callable

    Examples
    --------
    >>> known = {}
    >>> [remembered_layer(known, "key", lambda: MapLayer("conv", calls=7)).calls for _ in range(2)]
    [7, 0]
    """
    if key in known:
        return dataclasses.replace(known[key], calls=0)
    known[key] = found = find()
    return found


class TracedTensor(NamedTuple):
    """What a layer, or a function, gave at its last call.

    Parameters
    ----------
    name : str
    place : hashable
        Where it stands in the graph of tensors.
    shape : tuple of int
        Batch first.
    grid : tuple of int, optional
        Height and width, where it has four axes.
    says_more : bool
        Whether it is more than a tensor before it, pooled, enlarged or with its axes arranged anew.
    depth : int
        Of the names of one tensor the one that lies least deep is its name.
    """

    name: str
    place: Hashable
    shape: tuple[int, ...]
    grid: tuple[int, int] | None
    says_more: bool
    depth: int


class MapChoice:
    """Which of the tensors of a forward pass is to be looked at as a map.

    Parameters
    ----------
    traced : iterable of TracedTensor
        Those of a pass of `halves_changed`, in their order.
    parents : callable
    inputs, score : hashable
    image : tuple of int
        Height and width of the inputs.
    learned, mixed : callable
        Whether, among some places, there is something that the network learned, rather than a preprocessing
        alone; and attention.
    """

    def __init__(
        self,
        traced: Iterable[TracedTensor],
        parents: Parents,
        inputs: Hashable,
        score: Hashable,
        image: tuple[int, ...],
        learned: Callable[[set[Any]], bool],
        mixed: Callable[[set[Any]], bool],
    ) -> None:
        self.parents, self.inputs, self.score, self.image = parents, inputs, score, image
        self.learned, self.mixed = learned, mixed
        by_place: dict[Hashable, TracedTensor] = {}
        for one in traced:
            by_place[one.place] = min(by_place.get(one.place, one), one, key=lambda named: named.depth)
        self.found = {one.name: one for one in by_place.values()}
        self.behind = everything_before(score, parents)
        self.reasons: dict[str, str] = {}

    def choose(
        self,
        activations: Callable[[str], Activations],
        hangs_on_patches: Callable[[str, Reshape], bool],
        is_whole: Callable[[str], bool],
        *,
        turns: bool,
    ) -> MapLayer | None:
        """The last map that will do, by what is seen of it; None, and `reasons`, where there is none.

        Parameters
        ----------
        activations : callable
            Name → what the layer gave.
        hangs_on_patches : callable
            Whether the score is read from the tokens of patches, rather than from a class token alone.
        is_whole : callable
            Whether what the layer gives for one image, put in the place of what it gives for another one,
            makes the score that of the one: a part may go round it without gradients.
        turns : bool
            As for `readings`.
        """
        for name in self._only_ways():
            traced = self.found[name]
            reshape, fits = self._reading(activations(name), turns)
            if traced.grid is None and (reshape is None or not hangs_on_patches(name, reshape)):
                continue  # no patches, or a class token alone is read from here on
            if traced.grid is None or (fits and self.mixed(everything_before(traced.place, self.parents))):
                self.reasons = {
                    name: "is behind attention or among tokens: what is read there at a place comes from all "
                    "over the image, and its map may point elsewhere. To look there all the same, give "
                    f"layer={name!r}{_told_reshape(reshape)}"
                }
                return None
            if not fits:
                self.reasons[name] = "does not have its places where the image has them"
            elif not is_whole(name):
                self.reasons[name] = "is gone round by a part of the score, on a way without gradients"
            else:
                return MapLayer(name, reshape)
        return None

    def parts(self) -> list[str]:
        """The last layers with height and width through which a part of the score passes."""
        maps = [one for one in self.found.values() if one.grid is not None and self._may_be_map(one)]
        gone_on: set[Any] = set()
        last: list[str] = []
        for one in reversed(maps):
            if one.place not in gone_on and self._is_learned(one):
                last.append(one.name)
            gone_on |= everything_before(one.place, self.parents)
        return last[::-1]

    def _only_ways(self) -> Iterator[str]:
        """Tensors with extent through which all of the score passes, the last first."""
        for name, one in reversed(self.found.items()):
            if self._may_be_map(one) and is_only_way(one.place, self.score, self.inputs, self.parents):
                if not self._is_learned(one):
                    return
                yield name

    def _may_be_map(self, one: TracedTensor) -> bool:
        with_extent = len(one.shape) in (3, 4) and np.prod(one.shape[1:]) > max(one.shape[1:])
        return bool(with_extent and one.says_more and one.place in self.behind)

    def _is_learned(self, one: TracedTensor) -> bool:
        return self.learned(everything_before(one.place, self.parents))

    def _reading(self, activations: Activations, turns: bool) -> tuple[Reshape | None, bool]:
        """How a map is read so that it lies in its place; else the likeliest way, and that it does not."""
        grids = [one.grid for one in reversed(self.found.values()) if one.grid is not None]
        ways = list(readings(activations, self.image, list(dict.fromkeys(grids)), turns))
        for reshape in ways:
            if lies_in_place(activations if reshape is None else reshape(activations)):
                return reshape, True
        return (ways[0] if ways else None), False


def _told_reshape(reshape: Reshape | None) -> str:
    """How a user gives the reshape of a layer that is named."""
    if isinstance(reshape, PatchTokens):
        return f", reshape=Tokens(height={reshape.height}, width={reshape.width}, skip={reshape.skip})"
    return "" if reshape is None else ", reshape=lambda a: a.transpose(0, 3, 1, 2)"


def same_score(found: float, wanted: float, elsewhere: float) -> bool:
    """Whether a score stayed what it was, beside what another image would make of it."""
    return abs(found - wanted) <= UNMOVED * abs(elsewhere - wanted) + 1e-5 * max(1.0, abs(wanted))


def no_map_error(kind: str, parts: Sequence[str], reasons: Mapping[str, str]) -> ModelError:
    """The error for a network of which no layer can be taken without being asked for.

    Parameters
    ----------
    kind : str
        What to call the network.
    parts : sequence of str
        Layers with height and width through which a part of the score passes, in their order.
    reasons : mapping of str to str
        Layers through which all of it seems to pass, and why they will not do.
    """
    others = f"or use another method: {NO_LAYER_NEEDED}."
    if reasons:
        told = "; ".join(f"{name!r} {why}" for name, why in itertools.islice(reasons.items(), LISTED))
        return ModelError(
            f"no layer of {kind} can be looked at without being named: {told}. Name the one that is meant "
            f"(layer=…), {others}",
            slug="inside-layers",
        )
    if parts:
        listed = ", ".join(map(repr, parts[-LISTED:]))
        return ModelError(
            f"the score of {kind} comes together from several maps, none of which all of it passes through, "
            f"so that each shows a part of the answer only. Name the one to look at, such as {listed} "
            f"(layer=…), {others}",
            slug="inside-layers",
        )
    return ModelError(
        f"{kind} has no convolutional layer, nor another that gives a map with height and width. Name a "
        f"layer with layer= and reshape=, {others}",
        slug="inside-layers",
    )
