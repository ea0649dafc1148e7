"""The one gate to MinHash: signatures bit-identical to `datasketch.MinHash(scheme="affine32")`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.columns import Column
from dedup.shingle import SHINGLE_WORDS, refold, tables
from dedup.versions import mix

if TYPE_CHECKING:
    from datasketch import MinHash

Keys = npt.NDArray[np.uint64]

Permutations = tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]

COPY_SALT = 19
"""Sets the keys of copies apart from text keys, which stand in one column with them where an index looks them up."""


class Sketches(NamedTuple):
    """What is left of texts when the texts are gone.

    Attributes:
        signatures: uint32[rows, hashes]; all ones for a text without tokens.
        tokens: int64[rows], tokens of each text; fewer than `SHINGLE_WORDS` means that only an equal text is similar.
        keys: uint64[rows], equal for texts equal after normalisation; 0 exactly for those with nothing to compare.
    """

    signatures: npt.NDArray[np.uint32]
    tokens: npt.NDArray[np.int64]
    keys: npt.NDArray[np.uint64]


def permutations(hashes: int, seed: int) -> Permutations:
    """Draw the multipliers and increments that datasketch draws for `MinHash(num_perm=hashes, seed=seed)`.

    Drawn here rather than taken from a MinHash since importing datasketch costs 0.4 s (scipy); a test holds the two
    equal. Multipliers are odd, which makes every permutation a bijection of the 32-bit hashes.
    """
    generator = np.random.RandomState(seed)
    multipliers = generator.randint(0, 1 << 31, hashes, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    return multipliers, generator.randint(0, 1 << 32, hashes, dtype=np.uint32)


def sketch(texts: Column, permutations: Permutations) -> Sketches:
    """Compute signature, token count and text key of every row."""
    from dedup.kernels import shingle as kernels

    rows = len(texts)
    result = Sketches(
        np.full((rows, len(permutations[0])), 0xFFFFFFFF, np.uint32),
        np.zeros(rows, np.int64),
        np.zeros(rows, np.uint64),
    )
    disordered = np.zeros(rows, np.bool_)
    with np.errstate(over="ignore"):
        kernels.sign_rows(texts.data, texts.offsets, *tables(), SHINGLE_WORDS, *permutations, *result, disordered)
    if disordered.any():
        again = sketch(refold(texts, np.flatnonzero(disordered)), permutations)
        result.signatures[disordered], result.tokens[disordered], result.keys[disordered] = again
    return result


def text_keys(texts: Column, rows: npt.NDArray[np.int64]) -> Keys:
    """Compute the text keys of some rows alone, which takes a fraction of the time of their signatures.

    >>> texts = Column.of(["Der Rat tagt.", "der  Rat tagt", "Der Rat tagt nicht."])
    >>> len(set(text_keys(texts, np.arange(3)).tolist()))
    2
    """
    from dedup.kernels import shingle as kernels

    keys, disordered = np.zeros(len(rows), np.uint64), np.zeros(len(rows), np.bool_)
    with np.errstate(over="ignore"):
        kernels.key_rows(texts.data, texts.offsets, rows, *tables(), keys, disordered)
    if disordered.any():
        keys[disordered] = text_keys(refold(texts, rows[disordered]), np.arange(int(disordered.sum())))
    return keys


def original_keys(texts: Column, stored: Keys, lost: npt.NDArray[np.int64]) -> Keys:
    """Return the text keys of texts as they came.

    Args:
        texts: The texts, as they came.
        stored: Text keys of what is stored of them.
        lost: Rows that lost something: of the others, the keys are the same.
    """
    if not len(lost):
        return stored
    keys = stored.copy()
    keys[lost] = text_keys(texts, lost)
    return keys


def copy_keys(originals: Keys, stored: Keys, sources: Keys) -> Keys:
    """Return keys that are equal for texts that are equal as they came and as they are stored; 0 for nothing.

    Only such texts are as similar to any other one: of texts of different sources, different things are compared.

    Args:
        originals: Text keys of the texts as they came.
        stored: Text keys of what is stored of them.
        sources: Keys of their sources.
    """
    return np.where(originals == 0, np.uint64(0), mix(mix(originals, stored, COPY_SALT), sources, COPY_SALT))


def band_keys(signatures: npt.NDArray[np.uint32], bands: int, rows: int) -> npt.NDArray[np.uint64]:
    """Hash every band of every signature: uint64[documents, bands]. Texts that agree in a key are candidates."""
    from dedup.kernels import shingle as kernels

    keys = np.empty((len(signatures), bands), np.uint64)
    with np.errstate(over="ignore"):
        kernels.band_rows(signatures, bands, rows, keys)
    return keys


def to_datasketch(signature: npt.NDArray[np.uint32], seed: int) -> MinHash:
    """Return one signature as a datasketch MinHash, for its LSH, its storages and its sketch format.

    >>> texts = Column.of(["Der Rat tagt am Montag um zehn."])
    >>> to_datasketch(sketch(texts, permutations(128, seed=1)).signatures[0], seed=1).scheme
    'affine32'
    """
    from datasketch import MinHash

    return MinHash(num_perm=len(signature), seed=seed, hashvalues=signature, scheme="affine32")
