"""Who may have to do with whom: documents that share a key are tied to the first of them.

That is done twice: in every piece first, so that of a text or a band that very many have, only one document of a piece
is sent on; then for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.shingle import SHINGLE_WORDS
from dedup.signature import Sketches
from dedup.versions import differs, mix, stands_twice

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

COPY_SALT, TEXT_SALT, BAND_SALT = 20, 21, 22
"""Set apart the keys by which documents meet: bands have this one and those that follow."""

BANDED, COPY, VERSION = range(3)
"""Why two documents belong together: they share a band; one has the text of the other; it is a version of its article.
"""


class Keyed(NamedTuple):
    """Documents and the keys by which others meet them.

    Attributes:
        kind: `BANDED` or `COPY`.
        keys: uint64[documents].
        pieces: int64[documents].
        rows: int64[documents].
    """

    kind: int
    keys: Keys
    pieces: Ints
    rows: Ints


class Ties(NamedTuple):
    """Pairs of documents that belong together.

    Attributes:
        kind: `BANDED`, `COPY` or `VERSION`.
        pieces: int64[ties], of the one that is tied.
        rows: int64[ties].
        other_pieces: int64[ties], of the one that it is tied to.
        other_rows: int64[ties].
    """

    kind: int
    pieces: Ints
    rows: Ints
    other_pieces: Ints
    other_rows: Ints


def exact_keys(originals: Keys, stored: Keys, bands: Iterable[Keys]) -> Keys:
    """Return keys that only texts share that are equal as they came and as they are stored.

    Text keys alone can be made to collide.

    Args:
        originals: Text keys of the texts as they came.
        stored: Those of what is stored of them.
        bands: Band keys, a uint64[rows] for each band.
    """
    exact = mix(originals, stored, COPY_SALT)
    for number, band in enumerate(bands):
        exact = mix(exact, band, BAND_SALT + number)
    return exact


def keyed(piece: int, original_keys: Keys, sketches: Sketches, bands: npt.NDArray[np.uint64]) -> Iterator[Keyed | Ties]:
    """Yield the keys by which the documents of a piece meet others, and those that met in it.

    Args:
        piece: The number of the piece.
        original_keys: uint64[rows], text keys of its documents as they came.
        sketches: What they are compared by.
        bands: uint64[rows, bands], their band keys.
    """
    exact = exact_keys(original_keys, sketches.keys, bands.T)
    worded = np.flatnonzero(original_keys)
    hubs, spokes, tied = _tied(exact[worded])
    originals, copies = worded[np.sort(hubs)], np.stack([worded[spokes], worded[tied]])
    # Equal texts have equal bands, too, so that those of one will do.
    members, met = _shared(original_keys, sketches, bands, originals)
    hubs, spokes, tied = _tied(met)
    banded = np.unique(np.stack([members[spokes], members[tied]]), axis=1)
    for kind, sent, by, (at, others) in ((COPY, originals, exact[originals], copies),
                                         (BANDED, members[hubs], met[hubs], banded)):  # fmt: skip
        yield Keyed(kind, by, np.full(len(sent), piece), sent)
        here = np.full(len(at), piece)
        yield Ties(kind, here, at, here, others)


def sent_to(parts: int, handed: Iterable[Keyed | Ties]) -> Iterator[tuple[int, Keyed | Ties]]:
    """Yield keys and ties by partitions: all that is handed over together, so that it is in few pieces."""
    sent: dict[int, list[Keyed]] = {COPY: [], BANDED: []}
    for one in handed:
        if isinstance(one, Keyed):
            sent[one.kind].append(one)
        elif len(one.rows):
            # Anywhere, but not all in one place.
            yield int(one.pieces[0]) % parts, one
    for kind, found in sent.items():
        keys, pieces, rows = _joined(found)
        for part, chosen in parted(keys, parts):
            yield part, Keyed(kind, keys[chosen], pieces[chosen], rows[chosen])


def _joined(found: list[Keyed]) -> tuple[Keys, Ints, Ints]:
    none = np.zeros(0, np.int64)
    _, keys, pieces, rows = zip(Keyed(BANDED, none.astype(np.uint64), none, none), *found, strict=True)
    return np.concatenate(keys), np.concatenate(pieces), np.concatenate(rows)


def _shared(original_keys: Keys, sketches: Sketches, bands: npt.NDArray[np.uint64], rows: Ints) -> tuple[Ints, Keys]:
    """Return the text keys and the band keys of some rows, as (rows, keys): a row as often as it has any."""
    long = rows[sketches.tokens[rows] >= SHINGLE_WORDS]
    shared = [mix(original_keys[rows], np.zeros(len(rows), np.uint64), TEXT_SALT)]
    nothing = np.zeros(len(long), np.uint64)
    shared += [mix(band[long], nothing, BAND_SALT + number) for number, band in enumerate(bands.T)]
    return np.concatenate([rows, np.tile(long, bands.shape[1])]), np.concatenate(shared)


def parted(keys: Keys, parts: int) -> Iterator[tuple[int, Ints]]:
    """Yield the partitions that some keys belong to, and which of the keys do, ascending."""
    numbers = (keys % np.uint64(parts)).astype(np.int64)
    order = np.argsort(numbers, kind="stable")
    edges = np.append(np.flatnonzero(differs(numbers[order])), len(order)).tolist()
    for start, end in pairwise(edges if len(order) else ()):
        yield int(numbers[order[start]]), order[start:end]


def ties(handed: Iterable[Keyed | Ties]) -> Iterator[Ties]:
    """Yield who is tied to whom, given all that was sent to a partition."""
    sent: dict[int, list[Keyed]] = {COPY: [], BANDED: []}
    for one in handed:
        if isinstance(one, Ties):
            yield one
        else:
            sent[one.kind].append(one)
    for kind, found in sent.items():
        keys, pieces, rows = _joined(found)
        # Few are met at all, and only these need sorting by more than their keys.
        twice = stands_twice(keys)
        keys, pieces, rows = keys[twice], pieces[twice], rows[twice]
        _, spokes, tied = _tied(keys, rows, pieces)
        yield Ties(kind, pieces[spokes], rows[spokes], pieces[tied], rows[tied])


def _tied(keys: Keys, *places: Ints) -> tuple[Ints, Ints, Ints]:
    """Return the first of every key by its place; and all others, with the first that each is tied to.

    Places are columns, the most important one last; without any, those go by their order.
    """
    order = np.lexsort((*places, keys)) if places else np.argsort(keys, kind="stable")
    new = differs(keys[order])
    hubs = order[new]
    return hubs, order[~new], hubs[np.cumsum(new) - 1][~new]
