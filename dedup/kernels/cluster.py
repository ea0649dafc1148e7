"""Comparing documents with the keepers in their buckets, one after the other in keep order."""

from __future__ import annotations

import numpy as np
from numba import njit

ONE = np.uint64(1)
FREE = np.uint64(0)


@njit(cache=True, nogil=True)
def fill(shingles, table):
    """Put a set of shingle hashes into a zeroed open-addressing table; return whether the hash 0 is among them."""
    mask = np.uint64(table.shape[0] - 1)
    zero = False
    for i in range(shingles.shape[0]):
        shingle = shingles[i]
        if shingle == FREE:
            zero = True
            continue
        slot = shingle & mask
        while table[slot] != FREE:
            slot = (slot + ONE) & mask
        table[slot] = shingle
    return zero


@njit(cache=True, nogil=True)
def count_shared(shingles, table, zero):
    """Count the hashes of a set that are in the table which `fill` made."""
    mask = np.uint64(table.shape[0] - 1)
    shared = 0
    for i in range(shingles.shape[0]):
        shingle = shingles[i]
        if shingle == FREE:
            shared += zero
            continue
        slot = shingle & mask
        while table[slot] != FREE:
            if table[slot] == shingle:
                shared += 1
                break
            slot = (slot + ONE) & mask
    return shared


@njit(cache=True, nogil=True)
def assign_keepers(order, buckets, bucket_count, shingles, offsets, threshold, floor, keepers, similarities, nearest):
    """Let every document, in keep order, find the most similar keeper in its buckets or become a keeper itself.

    Args:
        order: int64[n], documents in keep order.
        buckets: int32[n, bands], -1 where a document is alone in a band.
        bucket_count: Buckets are numbered from 0 to this, exclusive.
        shingles: uint64[], the distinct shingle hashes of document d are shingles[offsets[d]:offsets[d + 1]].
        offsets: int64[n + 1].
        threshold: Least Jaccard similarity for a document to be tied to a keeper.
        floor: Pairs whose sizes alone put them below this similarity are not compared (at most `threshold`).
        keepers: int64[n], out: the document's keeper, itself if it stays.
        similarities: float64[n], out: exact Jaccard similarity to `nearest`; 0 where nothing was compared.
        nearest: int64[n], out: the most similar keeper, dropped in its favour or not; -1 where nothing was compared.

    Returns:
        How many pairs were compared.
    """
    n, bands = buckets.shape
    heads = np.full(bucket_count, -1, np.int64)
    following = np.full((n, bands), -1, np.int64)
    position = np.empty(n, np.int64)
    seen = np.full(n, -1, np.int64)
    table = np.zeros(16, np.uint64)
    compared = 0
    for rank in range(n):
        document = order[rank]
        position[document] = rank
        own = shingles[offsets[document] : offsets[document + 1]]
        size = np.int64(16)
        while size < 2 * own.shape[0]:
            size *= 2
        if size > table.shape[0]:
            table = np.zeros(size, np.uint64)
        filled = False
        zero = False
        best = -1
        best_similarity = 0.0
        for band in range(bands):
            bucket = buckets[document, band]
            if bucket < 0:
                continue
            other = heads[bucket]
            while other >= 0:
                if seen[other] != document:
                    seen[other] = document
                    theirs = offsets[other + 1] - offsets[other]
                    ours = own.shape[0]
                    if min(theirs, ours) >= floor * max(theirs, ours):
                        if not filled:
                            table[:size] = FREE
                            zero = fill(own, table[:size])
                            filled = True
                        shared = count_shared(shingles[offsets[other] : offsets[other + 1]], table[:size], zero)
                        similarity = shared / (ours + theirs - shared)
                        compared += 1
                        if similarity > best_similarity or (
                            similarity == best_similarity and best >= 0 and position[other] < position[best]
                        ):
                            best_similarity = similarity
                            best = other
                other = following[other, band]
        nearest[document] = best
        similarities[document] = best_similarity
        if best >= 0 and best_similarity >= threshold:
            keepers[document] = best
            continue
        keepers[document] = document
        for band in range(bands):
            bucket = buckets[document, band]
            if bucket >= 0:
                following[document, band] = heads[bucket]
                heads[bucket] = document
    return compared
