"""Comparing documents with the keepers in their buckets, one after the other in keep order."""

from __future__ import annotations

import numpy as np
from numba import njit

from dedup.kernels.leaf import leaf
from dedup.kernels.slots import slot_of, table_size

ONE = np.uint64(1)
FREE = np.uint64(0)


@leaf
def fill(shingles, secret, table):
    """Put a set of shingle hashes into a zeroed open-addressing table; return whether the hash 0 is among them."""
    mask = np.uint64(table.shape[0] - 1)
    zero = False
    for i in range(shingles.shape[0]):
        shingle = shingles[i]
        if shingle == FREE:
            zero = True
            continue
        slot = slot_of(shingle, secret, mask)
        while table[slot] != FREE:
            slot = (slot + ONE) & mask
        table[slot] = shingle
    return zero


@leaf
def count_shared(shingles, secret, table, zero):
    """Count the hashes of a set that are in the table which `fill` made."""
    mask = np.uint64(table.shape[0] - 1)
    shared = 0
    for i in range(shingles.shape[0]):
        shingle = shingles[i]
        if shingle == FREE:
            shared += zero
            continue
        slot = slot_of(shingle, secret, mask)
        while table[slot] != FREE:
            if table[slot] == shingle:
                shared += 1
                break
            slot = (slot + ONE) & mask
    return shared


@njit(cache=True, nogil=True)
def foresee(order, start, most, buckets, sizes, floor, reach, heads, following, asked, needed):
    """Say how far `assign_keepers` gets with a number of shingles at hand, and whose they are.

    Args:
        order: int64[n], documents in keep order.
        start: Where in `order` it goes on.
        most: Shingles at hand; one document and the keepers it is compared with are all needed at once, however many.
        buckets: As of `assign_keepers`.
        sizes: The same.
        floor: The same.
        reach: The same.
        heads: The same.
        following: The same.
        asked: int64[n], the `start` for which a document's shingles were needed last; all -1 at first.
        needed: int64[n], out: the documents whose shingles are needed.

    Returns:
        Where in `order` it has to stop, and how many documents are needed until then.
    """
    n, bands = buckets.shape
    count = 0
    shingles = 0
    for rank in range(start, n):
        document = order[rank]
        before = count
        if asked[document] != start:
            asked[document] = start
            needed[count] = document
            count += 1
            shingles += sizes[document]
        for band in range(bands):
            bucket = buckets[document, band]
            if bucket < 0:
                continue
            other = heads[bucket]
            left = reach
            while other >= 0 and left > 0:
                left -= 1
                smaller, larger = min(sizes[document], sizes[other]), max(sizes[document], sizes[other])
                if asked[other] != start and smaller >= floor * larger:
                    asked[other] = start
                    needed[count] = other
                    count += 1
                    shingles += sizes[other]
                other = following[other, band]
        if shingles > most and rank > start:
            return rank, before
    return n, count


@njit(cache=True, nogil=True)
def assign_keepers(
    order, start, stop, buckets, shingles, starts, sizes, threshold, floor, reach, secret,
    heads, following, position, seen, keepers, similarities, nearest, crowded,
):  # fmt: skip
    """Let documents, in keep order, find the most similar keeper in their buckets or become a keeper themselves.

    Args:
        order: int64[n], documents in keep order.
        start: Where in `order` to begin: 0, then where the call before stopped.
        stop: Where in `order` to stop.
        buckets: int32[n, bands], buckets numbered from 0, -1 where a document is alone in a band.
        shingles: uint64[], the distinct shingle hashes of document d are shingles[starts[d]:starts[d] + sizes[d]].
        starts: int64[n], right for the documents that `foresee` named.
        sizes: int64[n].
        threshold: Least Jaccard similarity for a document to be tied to a keeper.
        floor: Pairs whose sizes alone put them below this similarity are not compared (at most `threshold`).
        reach: Keepers looked at in a bucket, those that came last, which bounds the work.
        secret: Places shingles in tables (`slots.SECRET`).
        heads: int32[buckets], the keeper that came last to each bucket; all -1 at first, kept between calls.
        following: int32[n, bands], the keeper that came to the bucket before; the same.
        position: int64[n], a keeper's place in `order`; kept between calls.
        seen: int64[n], the document a keeper was last compared with; all -1 at first, kept between calls.
        keepers: int64[n], out: the document's keeper, itself if it stays.
        similarities: float64[n], out: exact Jaccard similarity to `nearest`; 0 where nothing was compared.
        nearest: int64[n], out: the most similar keeper, dropped in its favour or not; -1 where nothing was compared.
        crowded: bool[n], out: the document stays, but one of its buckets held more keepers than were looked at.

    Returns:
        How many pairs were compared.
    """
    bands = buckets.shape[1]
    table = np.zeros(16, np.uint64)
    compared = 0
    for rank in range(start, stop):
        document = order[rank]
        position[document] = rank
        own = shingles[starts[document] : starts[document] + sizes[document]]
        size = table_size(own.shape[0])
        if size > table.shape[0]:
            table = np.zeros(size, np.uint64)
        filled = False
        zero = False
        best = -1
        best_similarity = 0.0
        beyond = False
        for band in range(bands):
            bucket = buckets[document, band]
            if bucket < 0:
                continue
            other = heads[bucket]
            left = reach
            while other >= 0 and left > 0:
                left -= 1
                if seen[other] != document:
                    seen[other] = document
                    theirs = sizes[other]
                    ours = own.shape[0]
                    if min(theirs, ours) >= floor * max(theirs, ours):
                        if not filled:
                            table[:size] = FREE
                            zero = fill(own, secret, table[:size])
                            filled = True
                        others = shingles[starts[other] : starts[other] + theirs]
                        shared = count_shared(others, secret, table[:size], zero)
                        similarity = shared / (ours + theirs - shared)
                        compared += 1
                        if similarity > best_similarity or (
                            similarity == best_similarity and best >= 0 and position[other] < position[best]
                        ):
                            best_similarity = similarity
                            best = other
                other = following[other, band]
            beyond |= other >= 0
        nearest[document] = best
        similarities[document] = best_similarity
        stays = best < 0 or best_similarity < threshold
        crowded[document] = stays and beyond
        if not stays:
            keepers[document] = best
            continue
        keepers[document] = document
        for band in range(bands):
            bucket = buckets[document, band]
            if bucket >= 0:
                following[document, band] = heads[bucket]
                heads[bucket] = document
    return compared
