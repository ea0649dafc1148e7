"""Character shingles of lines, and tying each wording of a line to the main one it is like."""

from __future__ import annotations

import numpy as np
from numba import njit

from dedup.kernels.compare import MAX_PIECES_A_BYTE, write_words
from dedup.kernels.leaf import leaf
from dedup.kernels.shingle import finish, minimise
from dedup.kernels.vector import copy_range
from dedup.kernels.words import build_letters

SHINGLE_CHARACTERS = 3
CODE_POINT_BITS = np.uint64(21)


@leaf
def sift(hashes, start, root, count):
    """Let the hash at `root` of a heap sink below those that are greater."""
    sinking = hashes[start + root]
    child = 2 * root + 1
    while child < count:
        if child + 1 < count and hashes[start + child + 1] > hashes[start + child]:
            child += 1
        if hashes[start + child] <= sinking:
            break
        hashes[start + root] = hashes[start + child]
        root = child
        child = 2 * root + 1
    hashes[start + root] = sinking


@leaf
def sort(hashes, start, count):
    """Sort some hashes: heapsort (Williams, 1964), which takes n log n steps whatever their order.

    numba's own sorting takes steps that can grow with the square, and 2 s to compile.
    """
    for root in range(count // 2 - 1, -1, -1):
        sift(hashes, start, root, count)
    for last in range(count - 1, 0, -1):
        greatest = hashes[start]
        hashes[start] = hashes[start + last]
        hashes[start + last] = greatest
        sift(hashes, start, 0, last)


@njit(cache=True, nogil=True)
def shingle_lines(data, starts, ends, points, lexicon, offsets):
    """Return the distinct shingles of every line, ascending, end to end; `offsets[line]` gets where its begin.

    A shingle is three characters in a row of the words as K1 sees them, single spaces between: three code points are
    63 bits, and mixing them is a bijection, so equal hashes are equal shingles. Of fewer characters, one shingle.

    Args:
        data: uint8[], UTF-8.
        starts: int64[lines].
        ends: int64[lines].
        points: The Unicode tables.
        lexicon: The words that are masked.
        offsets: int64[lines + 1], out.
    """
    letters_of = build_letters(points.packed)
    longest = np.int64(0)
    total = np.int64(16)
    for line in range(starts.shape[0]):
        longest = max(longest, ends[line] - starts[line])
        total += ends[line] - starts[line]
    room = MAX_PIECES_A_BYTE * longest + 2
    words = np.empty(room, np.uint32)
    classes = np.empty(room, np.uint8)
    spare = np.empty(room, np.uint32)
    found = np.empty(total, np.uint64)
    at = np.int64(0)
    offsets[0] = 0
    for line in range(starts.shape[0]):
        # The last character is the 0 behind the last word.
        count = (
            write_words(data, starts[line], ends[line], points, lexicon, letters_of, True, words, classes, spare) - 1
        )
        shingles = max(count - SHINGLE_CHARACTERS + 1, 1)
        if at + shingles > found.shape[0]:
            grown = np.empty(max(2 * found.shape[0], at + shingles), np.uint64)
            copy_range(grown, 0, found, 0, at)
            found = grown
        for first in range(shingles):
            code = np.uint64(0)
            for place in range(first, min(first + SHINGLE_CHARACTERS, count)):
                code = (code << CODE_POINT_BITS) | np.uint64(words[place])
            found[at + first] = finish(code)
        sort(found, at, shingles)
        kept = at
        for place in range(at, at + shingles):
            if place == at or found[place] != found[kept - 1]:
                found[kept] = found[place]
                kept += 1
        at = kept
        offsets[line + 1] = at
    return found[:at]


@njit(cache=True, nogil=True)
def sign_sets(hashes, offsets, multipliers, increments, signatures):
    """Lower `signatures[row]`, which starts at all ones, to the MinHash signature of each set of shingles."""
    bases = np.empty(hashes.shape[0], np.uint32)
    for row in range(offsets.shape[0] - 1):
        shingles = hashes[offsets[row] : offsets[row + 1]]
        minimise(shingles, shingles.shape[0], multipliers, increments, bases, signatures[row])


@njit(cache=True, nogil=True)
def similarity(hashes, start_a, end_a, start_b, end_b):
    """Return the exact Jaccard similarity of two ascending sets of shingles."""
    shared = 0
    a, b = start_a, start_b
    while a < end_a and b < end_b:
        if hashes[a] == hashes[b]:
            shared += 1
            a += 1
            b += 1
        elif hashes[a] < hashes[b]:
            a += 1
        else:
            b += 1
    return shared / (end_a - start_a + end_b - start_b - shared)


@njit(cache=True, nogil=True)
def tie(buckets, hashes, offsets, recurs, threshold, reach, mains, similarities):
    """Tie every wording to the main wording it is most like, or make it one; wordings come in order of rank.

    Args:
        buckets: int32[wordings, bands], numbers from 0; -1 where a wording is alone.
        hashes: uint64[], the shingles of wording w are hashes[offsets[w]:offsets[w + 1]], ascending.
        offsets: int64[wordings + 1].
        recurs: bool[wordings], may be a main wording.
        threshold: Least Jaccard similarity to the main wording.
        reach: Main wordings looked at per bucket, the highest in rank, which bounds the work.
        mains: int64[wordings], out: the main wording, itself for a main one, -1 for none.
        similarities: float64[wordings], out, to the main wording; 0 for none.
    """
    wordings, bands = buckets.shape
    most = np.int64(0)
    for wording in range(wordings):
        for band in range(bands):
            most = max(most, np.int64(buckets[wording, band]) + 1)
    held = np.empty((most, reach), np.int32)
    sizes = np.zeros(most, np.int64)
    compared = np.full(wordings, -1, np.int64)
    for wording in range(wordings):
        mains[wording] = -1
        similarities[wording] = 0.0
        for band in range(bands):
            bucket = buckets[wording, band]
            if bucket < 0:
                continue
            for place in range(sizes[bucket]):
                main = held[bucket, place]
                if compared[main] == wording:
                    continue
                compared[main] = wording
                found = similarity(hashes, offsets[main], offsets[main + 1], offsets[wording], offsets[wording + 1])
                better = found > similarities[wording] or (found == similarities[wording] and main < mains[wording])
                if found >= threshold and better:
                    mains[wording] = main
                    similarities[wording] = found
        if mains[wording] >= 0 or not recurs[wording]:
            continue
        mains[wording] = wording
        similarities[wording] = 1.0
        for band in range(bands):
            bucket = buckets[wording, band]
            if bucket >= 0 and sizes[bucket] < reach:
                held[bucket, sizes[bucket]] = wording
                sizes[bucket] += 1
