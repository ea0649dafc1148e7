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


@leaf
def jaccard(ours, others, secret, table, zero):
    """Return the Jaccard similarity of two sets, `ours` of them being in the table which `fill` made."""
    shared = count_shared(others, secret, table, zero)
    return shared / max(ours + others.shape[0] - shared, 1)


@leaf
def find(shingle, secret, table, zero):
    """Return where a hash is in the table which `fill` made, the place behind it for the hash 0; -1 if it is not."""
    if shingle == FREE:
        return np.int64(table.shape[0]) if zero else np.int64(-1)
    mask = np.uint64(table.shape[0] - 1)
    slot = slot_of(shingle, secret, mask)
    while table[slot] != FREE:
        if table[slot] == shingle:
            return np.int64(slot)
        slot = (slot + ONE) & mask
    return np.int64(-1)


@leaf
def jaccard_without(ours, others, others_came, secret, table, zero, came_table, came_zero, marks, mark):
    """Return the Jaccard similarity of two sets without what either text lost, as `shingle.stored_similarity` says it.

    Args:
        ours: How many hashes are in `table`.
        others: The other set.
        others_came: That of the other text as it came.
        secret: Places hashes in tables.
        table: Our set, as `fill` made it.
        zero: Whether the hash 0 is in it.
        came_table: The set of our text as it came.
        came_zero: Whether the hash 0 is in it.
        marks: int64[slots of `table` + 1], holds nothing that equals `mark`; its contents are of no use later.
        mark: Any number.
    """
    theirs = others.shape[0]
    shared = 0
    left = theirs
    for i in range(theirs):
        slot = find(others[i], secret, table, zero)
        if slot >= 0:
            shared += 1
            marks[slot] = mark
        elif find(others[i], secret, came_table, came_zero) >= 0:
            left -= 1
    own_left = ours
    for i in range(others_came.shape[0]):
        slot = find(others_came[i], secret, table, zero)
        if slot >= 0 and marks[slot] != mark:
            own_left -= 1
    if 2 * left < theirs or 2 * own_left < ours:
        left, own_left = theirs, ours
    return shared / max(own_left + left - shared, 1)


@leaf
def may_reach(floor, size, other_size, has_lost, other_has_lost):
    """Say whether sizes let the similarity of two sets reach a floor.

    Args:
        floor: The similarity.
        size: Hashes of the one.
        other_size: Hashes of the other.
        has_lost: Whether what the one text lost is left out of the other, half of which stays at least.
        other_has_lost: The reverse.
    """
    if size > other_size:
        size, other_size, has_lost = other_size, size, other_has_lost
    return (2 * size if has_lost else size) >= floor * other_size


@leaf
def as_came(document, starts, sizes, came):
    """Return where the shingles of a text as it came begin and end: behind those of what is stored, if it lost some."""
    start, end = starts[document], starts[document] + sizes[document]
    if came[document] == 0:
        return start, end
    return end, end + came[document]


@njit(cache=True, nogil=True)
def foresee(
    order, start, most, buckets, groups, sources, sizes, came, floor, reach, heads, following, stayed, asked, needed
):  # fmt: skip
    """Say how far `assign_keepers` gets with a number of shingles at hand, and whose they are.

    Args:
        order: int64[n], documents in keep order.
        start: Where in `order` it goes on.
        most: Shingles at hand; one document and the keepers it is compared with are all needed at once, however many.
        buckets: As of `assign_keepers`.
        groups: The same.
        sources: The same.
        sizes: The same.
        came: The same.
        floor: The same.
        reach: The same.
        heads: The same.
        following: The same.
        stayed: The same.
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
            shingles += sizes[document] + came[document]
        if groups[document] >= 0:
            other = stayed[groups[document]]
            if other >= 0 and asked[other] != start:
                asked[other] = start
                needed[count] = other
                count += 1
                shingles += sizes[other] + came[other]
        for band in range(bands):
            bucket = buckets[document, band]
            if bucket < 0:
                continue
            other = heads[bucket]
            left = reach
            while other >= 0 and left > 0:
                left -= 1
                is_foreign = sources[document] != sources[other]
                has_lost, other_has_lost = is_foreign and came[document] > 0, is_foreign and came[other] > 0
                if asked[other] != start and may_reach(floor, sizes[document], sizes[other], has_lost, other_has_lost):
                    asked[other] = start
                    needed[count] = other
                    count += 1
                    shingles += sizes[other] + came[other]
                other = following[other, band]
        if shingles > most and rank > start:
            return rank, before
    return n, count


@njit(cache=True, nogil=True)
def assign_keepers(
    order, start, stop, buckets, groups, sources, shingles, starts, sizes, came, threshold, floor, least, reach, secret,
    heads, following, stayed, position, seen, keepers, similarities, originals, nearest, exact, crowded,
):  # fmt: skip
    """Let documents, in keep order, find the most similar keeper in their buckets or become a keeper themselves.

    One that is equal, as it came, to a keeper goes in any case. Another one goes only for a keeper that it is like as
    they came, too: of those, for the one that it is most like as they are stored.

    Args:
        order: int64[n], documents in keep order.
        start: Where in `order` to begin: 0, then where the call before stopped.
        stop: Where in `order` to stop.
        buckets: int32[n, bands], buckets numbered from 0, -1 where a document is alone in a band.
        groups: int32[n], documents of a group have one text key as they came; -1 where a document is alone.
        sources: uint64[n], keys of their sources.
        shingles: uint64[], the distinct shingle hashes of what is stored of document d are
            shingles[starts[d]:starts[d] + sizes[d]]; behind them are those of the text as it came.
        starts: int64[n], right for the documents that `foresee` named.
        sizes: int64[n].
        came: int64[n], how many shingles the text had as it came; 0 where they are the same.
        threshold: Least Jaccard similarity for a document to be tied to a keeper.
        floor: Pairs whose sizes alone put them below this similarity are not compared (at most `threshold`).
        least: Least Jaccard similarity of the texts as they came for a document to be tied to a keeper.
        reach: Keepers looked at in a bucket, those that came last, which bounds the work.
        secret: Places shingles in tables (`slots.SECRET`).
        heads: int32[buckets], the keeper that came last to each bucket; all -1 at first, kept between calls.
        following: int32[n, bands], the keeper that came to the bucket before; the same.
        stayed: int32[groups], the keeper of each group; all -1 at first, kept between calls.
        position: int64[n], a keeper's place in `order`; kept between calls.
        seen: int64[n], the document a keeper was last compared with; all -1 at first, kept between calls.
        keepers: int64[n], out: the document's keeper, itself if it stays.
        similarities: float64[n], out: exact Jaccard similarity to `nearest`; 0 where nothing was compared.
        originals: float64[n], out: that of the texts as they came, where the other one reaches the threshold; else 0.
        nearest: int64[n], out: the most similar keeper, dropped in its favour or not; -1 where nothing was compared.
        exact: bool[n], out: the document is equal, as it came, to its keeper.
        crowded: bool[n], out: the document stays, but one of its buckets held more keepers than were looked at.

    Returns:
        How many pairs were compared.
    """
    bands = buckets.shape[1]
    table, came_table = np.zeros(16, np.uint64), np.zeros(16, np.uint64)
    marks = np.zeros(17, np.int64)
    compared = 0
    for rank in range(start, stop):
        document = order[rank]
        position[document] = rank
        own = shingles[starts[document] : starts[document] + sizes[document]]
        begin, end = as_came(document, starts, sizes, came)
        own_came = shingles[begin:end]
        size, came_size = table_size(own.shape[0]), table_size(own_came.shape[0])
        if size > table.shape[0]:
            table = np.zeros(size, np.uint64)
            marks = np.zeros(size + 1, np.int64)
        if came_size > came_table.shape[0]:
            came_table = np.zeros(came_size, np.uint64)
        filled, came_filled = False, False
        zero, came_zero = False, False
        group = groups[document]
        if group >= 0 and stayed[group] >= 0:
            other = stayed[group]
            begin, end = as_came(other, starts, sizes, came)
            others = shingles[begin:end]
            came_table[:came_size] = FREE
            came_zero = fill(own_came, secret, came_table[:came_size])
            came_filled = True
            shared = count_shared(others, secret, came_table[:came_size], came_zero)
            if shared == own_came.shape[0] and shared == others.shape[0]:
                keepers[document] = nearest[document] = other
                similarities[document] = originals[document] = 1.0
                exact[document] = True
                crowded[document] = False
                continue
        exact[document] = False
        # The most similar keeper, and the most similar one that is like the document as they came, too.
        best, fit = -1, -1
        best_similarity, fit_similarity = 0.0, 0.0
        best_original, fit_original = 0.0, 0.0
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
                    is_foreign = sources[document] != sources[other]
                    has_lost, other_has_lost = is_foreign and came[document] > 0, is_foreign and came[other] > 0
                    if may_reach(floor, ours, theirs, has_lost, other_has_lost):
                        if not filled:
                            table[:size] = FREE
                            zero = fill(own, secret, table[:size])
                            filled = True
                        others = shingles[starts[other] : starts[other] + theirs]
                        compared += 1
                        if has_lost or other_has_lost:
                            if not came_filled:
                                came_table[:came_size] = FREE
                                came_zero = fill(own_came, secret, came_table[:came_size])
                                came_filled = True
                            begin, end = as_came(other, starts, sizes, came)
                            similarity = jaccard_without(
                                ours, others, shingles[begin:end], secret, table[:size], zero,
                                came_table[:came_size], came_zero, marks[: size + 1], compared,
                            )  # fmt: skip
                        else:
                            similarity = jaccard(ours, others, secret, table[:size], zero)
                        original = 0.0
                        if similarity >= threshold:
                            original = similarity
                            if came[document] > 0 or came[other] > 0:
                                if not came_filled:
                                    came_table[:came_size] = FREE
                                    came_zero = fill(own_came, secret, came_table[:came_size])
                                    came_filled = True
                                begin, end = as_came(other, starts, sizes, came)
                                others = shingles[begin:end]
                                ours = own_came.shape[0]
                                original = jaccard(ours, others, secret, came_table[:came_size], came_zero)
                            if original >= least and (
                                similarity > fit_similarity
                                or (similarity == fit_similarity and fit >= 0 and position[other] < position[fit])
                            ):
                                fit, fit_similarity, fit_original = other, similarity, original
                        if similarity > best_similarity or (
                            similarity == best_similarity and best >= 0 and position[other] < position[best]
                        ):
                            best, best_similarity, best_original = other, similarity, original
                other = following[other, band]
            beyond |= other >= 0
        if fit >= 0:
            best, best_similarity, best_original = fit, fit_similarity, fit_original
        nearest[document] = best
        similarities[document] = best_similarity
        originals[document] = best_original
        crowded[document] = fit < 0 and beyond
        if fit >= 0:
            keepers[document] = fit
            continue
        keepers[document] = document
        if group >= 0 and stayed[group] < 0:
            stayed[group] = document
        for band in range(bands):
            bucket = buckets[document, band]
            if bucket >= 0:
                following[document, band] = heads[bucket]
                heads[bucket] = document
    return compared
