"""number of segments → fold-over codes: which segments to hide together, so that few effects alias.

A two-level fractional factorial design (Box & Hunter 1961). Segment j has a code c_j in GF(2)^r; run a
hides it when the parity of a & c_j is odd, and each run's complement is asked too (the fold-over), which
clears single effects of all pairs. Two sets of segments cannot be told apart when their codes add up to
the same value, so the codes are chosen such that as few sets of four as possible add up to zero: what
is left blurs a single effect with a product of three.
"""

import functools

import numpy as np
from jaxtyping import Bool, Int
from scipy.special import comb

STARTS = 4
SWEEPS = 6


@functools.lru_cache(maxsize=64)
def segment_codes(segments: int, bits: int) -> Int[np.ndarray, "S"]:
    """Codes of `bits` bits for each segment, distinct whenever 2**bits >= segments.

    They are nested: their lower bits are the codes of fewer bits, so the runs of a smaller design are
    the first runs of a larger one and no model call is lost when a design grows.

    Raises
    ------
    ValueError
        If there are fewer codes than segments.
    """
    least = max(1, int(np.ceil(np.log2(max(segments, 2)))))
    if bits < least:
        raise ValueError(f"{segments} segments need at least {least} bits, not {bits}")
    if bits == least:
        first: Int[np.ndarray, "S"] = np.random.default_rng(0).permutation(2**bits)[:segments]
        return first
    return _extend_codes(segment_codes(segments, bits - 1), bits - 1)


def _extend_codes(known: Int[np.ndarray, "S"], bit: int) -> Int[np.ndarray, "S"]:
    """The codes with one more bit, chosen to break as many sums of four (then of six) as possible."""
    rng = np.random.default_rng(bit)
    tries = [
        _separate_pairs(known | (rng.integers(0, 2, len(known)) << bit), bit, rng) for _ in range(STARTS)
    ]
    tries = [code for code in tries if makes_distinct_masks(code, bit + 1)] or [
        _flip_to_spread(tries[0], bit)
    ]
    clear = [code for code in tries if _count_fours(code, bit + 1) == 0]
    if len(clear) > 0 and bit < 12:
        return min(clear, key=lambda code: sum_counts(code, bit + 1, 6)[0])
    return min(tries, key=lambda code: _count_fours(code, bit + 1))


def makes_distinct_masks(code: Int[np.ndarray, "S"], bits: int) -> bool:
    """Whether no two of the 2^bits runs and their complements are the same mask, as far as there are masks.

    They are as long as the codes lie in no affine subspace.
    """
    basis: list[int] = []
    for word in (code ^ code[0]).tolist():
        for known in basis:
            word = min(word, word ^ known)
        if word:
            basis.append(word)
    return len(basis) == min(bits, len(code) - 1)


def _flip_to_spread(code: Int[np.ndarray, "S"], bit: int) -> Int[np.ndarray, "S"]:
    """The codes with one segment's new bit flipped, such that the new bit makes new masks."""
    flips = (np.arange(len(code)) == np.arange(len(code))[:, np.newaxis]).astype(code.dtype) << bit
    return next((flipped for flipped in code ^ flips if makes_distinct_masks(flipped, bit + 1)), code)


def _pair_counts(code: Int[np.ndarray, "S"], bits: int) -> Int[np.ndarray, "R"]:
    first, second = np.triu_indices(len(code), 1)
    return np.bincount(code[first] ^ code[second], minlength=2**bits)


def _count_fours(code: Int[np.ndarray, "S"], bits: int) -> int:
    counts = _pair_counts(code, bits)
    return int((counts * (counts - 1) // 2).sum())


def _separate_pairs(code: Int[np.ndarray, "S"], bit: int, rng: np.random.Generator) -> Int[np.ndarray, "S"]:
    """Flip one segment's new bit at a time, as long as that separates pairs that have the same sum."""
    counts = _pair_counts(code, bit + 1)
    for _ in range(SWEEPS):
        moved = False
        for one in rng.permutation(len(code)):
            before = np.delete(code, one) ^ code[one]
            change = np.zeros_like(counts)
            np.add.at(change, before ^ (1 << bit), 1)
            np.subtract.at(change, before, 1)
            # Σ n(n−1)/2 grows by Σ (n·d + d(d−1)/2) when the counts n change by d.
            if (counts * change + change * (change - 1) // 2).sum() < 0:
                code[one] ^= 1 << bit
                counts += change
                moved = True
        if not moved:
            break
    return code


def sum_counts(code: Int[np.ndarray, "S"], bits: int, size: int) -> Int[np.ndarray, "R"]:
    """How many sets of `size` segments have codes that add up to each value.

    By the MacWilliams identity: the counts are the Walsh–Hadamard transform of Krawtchouk polynomials of
    the weights of the dual words.
    """
    words = np.arange(2**bits)
    weights = odd_parity(words[:, np.newaxis] & code).sum(axis=1)
    spectrum = krawtchouk_polynomial(len(code), size)[weights]
    step = 1
    while step < len(spectrum):
        spectrum = spectrum.reshape(-1, 2, step)
        spectrum = np.stack([spectrum.sum(axis=1), spectrum[:, 0] - spectrum[:, 1]], axis=1).ravel()
        step *= 2
    return np.asarray(np.rint(spectrum / 2**bits), dtype=np.int64)


def krawtchouk_polynomial(segments: int, size: int) -> np.ndarray:
    """Σ over sets of `size` segments of ∏ ±1, when `w` of all signs are −1; for w = 0..segments."""
    minus = np.arange(segments + 1)
    total = np.zeros(segments + 1)
    for odd in range(size + 1):
        total += (-1.0) ** odd * comb(minus, odd) * comb(segments - minus, size - odd)
    return total


def odd_parity(words: Int[np.ndarray, "..."]) -> Bool[np.ndarray, "..."]:
    """Whether the number of one-bits is odd."""
    return np.asarray(np.bitwise_count(words) & 1, dtype=bool)
