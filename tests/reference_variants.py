"""The slow, obvious twins of `dedup.kernels.variants`: sets of strings, every pair compared."""

from __future__ import annotations

from collections.abc import Sequence

from tests import reference_segment


def shingles(line: str) -> set[str]:
    """Three characters in a row of the folded words with dates and numbers masked; all there are, if fewer."""
    (words,) = reference_segment.mask([reference_segment.words_of(line)])
    text = " ".join(reference_segment.collapse(words))
    return {text[i : i + 3] for i in range(max(len(text) - 2, 1))}


def similarity(a: set[str], b: set[str]) -> float:
    return len(a & b) / len(a | b)


def tie(sets: Sequence[set[str]], recurs: Sequence[bool], threshold: float) -> list[tuple[int, float]]:
    """Tie each set to the main one before it that it is most like; itself for a main one, -1 and 0 for none."""
    mains: list[int] = []
    tied = []
    for number, wording in enumerate(sets):
        like = [(similarity(sets[main], wording), -main) for main in mains]
        best, main = max(like, default=(0.0, 0))
        if best >= threshold:
            tied.append((-main, best))
        elif recurs[number]:
            mains.append(number)
            tied.append((number, 1.0))
        else:
            tied.append((-1, 0.0))
    return tied
