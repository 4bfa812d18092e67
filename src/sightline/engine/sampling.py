"""number of segments → masks, with one over their chance.

Every sampler here keeps a promise: with the same generator, the masks of a smaller budget are the first
masks of a larger one. So more can be asked for at any time and nothing asked before is wasted.
"""

import math

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import gammaln

from sightline._checks import check_number
from sightline.engine.factorial_design import odd_parity, segment_codes
from sightline.errors import BudgetError
from sightline.types import Masks, option


@option
class Exhaustive:
    """All 2^S masks, the full and the empty one included."""

    def __call__(self, segments: int, rows: int, rng: np.random.Generator) -> Masks:
        if segments > 24 or 2**segments > rows:
            raise BudgetError(
                f"all masks of {segments} segments are 2^{segments}, more than the {rows} asked for.",
                slug="budget-small",
            )
        return Masks(all_masks(segments), np.ones(2**segments))


@option
class FoldOver:
    """Pairs of a mask and its complement from a code of least aliasing (`sightline.engine.factorial_design`).

    A random half of the signs and a random order of segments make it unbiased over seeds. It needs
    about a fifth of the model calls of independent masks for the same error of LIME's weights on complete
    ImageNet games of 14 segments.
    """

    def __call__(self, segments: int, rows: int, rng: np.random.Generator) -> Masks:
        runs = min(rows // 2, 2 ** (segments - 1))  # so many pairs there are
        order, signs = rng.permutation(segments), rng.random(segments) < 0.5
        least, bits = (math.ceil(math.log2(max(count, 2))) for count in (segments, max(runs, segments)))
        number = np.arange(runs)
        # In their own order, runs of a design cut short tell fewer segments apart than any others.
        number[: 2**least] = rng.permutation(2**least)[:runs]
        shown = odd_parity(number[:, np.newaxis] & segment_codes(segments, bits)[order]) ^ signs
        keep = np.stack([shown, ~shown], axis=1).reshape(2 * runs, segments)
        return Masks(keep, _uniform_weight(segments, len(keep)))


@option
class Bernoulli:
    """Every segment visible by an independent coin flip: with replacement, so masks may come twice.

    Parameters
    ----------
    p : float
        Chance of being visible, between 0 and 1.
    """

    p: float = 0.5

    def __post_init__(self) -> None:
        check_number("p of Bernoulli", self.p, above=0, below=1)

    def __call__(self, segments: int, rows: int, rng: np.random.Generator) -> Masks:
        keep = rng.random((rows, segments)) < self.p
        size = keep.sum(axis=1)
        chance = size * math.log(self.p) + (segments - size) * math.log1p(-self.p) + math.log(max(rows, 1))
        # A common factor keeps them finite: with more than 1000 segments a chance has no inverse.
        return Masks(keep, np.exp(-chance - max(0.0, -chance.min(initial=0.0) - 700.0)))


@option
class Balanced:
    """Pairs of a mask and its complement; sizes and segments in turn; none twice.

    Sizes 1..S−1 are drawn equally often (the leverage scores of Shapley's regression: Musco & Witter
    2025), in complementary pairs (Covert & Lee 2021), and each size deals its segments like cards from a
    shuffled deck, so that all are hidden about equally often. A size with no new mask left is left out.
    """

    def __call__(self, segments: int, rows: int, rng: np.random.Generator) -> Masks:
        keep = np.array(list(_draw_pairs(segments, rows // 2, rng)), dtype=bool).reshape(-1, segments)
        both = np.stack([keep, ~keep], axis=1).reshape(-1, segments)
        return Masks(both, size_weights(both))


@option
class LeaveOneOut:
    """Each segment hidden alone."""

    def __call__(self, segments: int, rows: int, rng: np.random.Generator) -> Masks:
        if rows < segments:
            raise BudgetError(
                f"hiding each of {segments} segments alone takes {segments} model calls and the two "
                f"ends, but the budget leaves {rows}. Raise it, or ask for fewer segments.",
                slug="budget-small",
            )
        return Masks(~np.eye(segments, dtype=bool), np.ones(segments))


def size_weights(keep: Bool[np.ndarray, "M S"]) -> Float[np.ndarray, "M"]:
    """One over the chance of each mask among those of its size: as many stand for all that there are."""
    size = keep.sum(axis=1)
    drawn = np.bincount(size, minlength=keep.shape[1] + 1)
    return np.asarray(np.exp(np.minimum(log_comb(keep.shape[1])[size] - np.log(drawn[size]), 700.0)))


def _uniform_weight(segments: int, rows: int) -> Float[np.ndarray, "M"]:
    """One over the chance of each of `rows` masks among all 2^S, kept finite."""
    return np.full(rows, math.exp(min(segments * math.log(2) - math.log(max(rows, 1)), 700.0)))


def all_masks(segments: int) -> Bool[np.ndarray, "A S"]:
    """All 2^S masks, row b by the bits of b."""
    return ((np.arange(2**segments)[:, np.newaxis] >> np.arange(segments)) & 1).astype(bool)


def log_comb(segments: int) -> Float[np.ndarray, "S1"]:
    """Log of how many masks there are of each size."""
    size = np.arange(segments + 1)
    return np.asarray(gammaln(segments + 1) - gammaln(size + 1) - gammaln(segments - size + 1))


def _draw_pairs(segments: int, wanted: int, rng: np.random.Generator) -> list[Bool[np.ndarray, "S"]]:
    """The smaller (or one equal) half of each pair."""
    if segments < 2:
        return []
    half = segments // 2
    left = np.exp(np.minimum(log_comb(segments)[: half + 1], 700.0))
    if segments % 2 == 0:
        left[half] /= 2
    left[0] = 0
    decks = [_SegmentDeck(segments, rng) for _ in range(half + 1)]
    seen: set[bytes] = set()
    pairs: list[Bool[np.ndarray, "S"]] = []
    turn = 0
    while len(pairs) < wanted and left.round().any():
        for size in rng.permutation(np.arange(1, half + 1)):
            # The middle size of an even number is its own complement: it covers one size, not two.
            due = left[size] >= 0.5 and not (2 * size == segments and turn % 2)
            if due and len(pairs) < wanted:
                left[size] -= 1
                pairs.append(_deal_new_mask(decks[size], int(size), seen))
        turn += 1
    return pairs


def _deal_new_mask(deck: "_SegmentDeck", size: int, seen: set[bytes]) -> Bool[np.ndarray, "S"]:
    while True:
        mask = np.zeros(deck.count, dtype=bool)
        mask[deck.deal_hand(size)] = True
        key = min(np.packbits(mask).tobytes(), np.packbits(~mask).tobytes())
        if key not in seen:
            seen.add(key)
            return mask


class _SegmentDeck:
    """Segments dealt in random order, all once before any twice."""

    def __init__(self, count: int, rng: np.random.Generator) -> None:
        self.count = count
        self.rng = rng
        self.cards: list[int] = []

    def deal_hand(self, size: int) -> Int[np.ndarray, "size"]:
        hand, self.cards = self.cards[:size], self.cards[size:]
        if len(hand) < size:
            fresh = self.rng.permutation(self.count).tolist()
            held = set(hand)
            hand += [card for card in fresh if card not in held][: size - len(hand)]
            taken = set(hand) - held
            self.cards = [card for card in fresh if card not in taken]
        return np.array(hand)
