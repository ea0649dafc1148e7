"""From token hashes to shingle hashes, from shingle hashes to MinHash signatures, band keys and sets."""

from __future__ import annotations

import numpy as np
from numba import njit

from dedup.kernels.folding import folding_of
from dedup.kernels.lanes import LANES, lower
from dedup.kernels.leaf import inlined, leaf
from dedup.kernels.slots import slot_of, table_size
from dedup.kernels.tokens import (
    drop_symbols,
    hash_tokens,
    scratch_size,
    text_key,
    tokenise,
)
from dedup.kernels.vector import copy_range

# Odd 64-bit multipliers with well-spread bits: golden ratio, and two of PCG's and splitmix64's.
MIX = np.uint64(0x9E3779B97F4A7C15)
ROLL = np.uint64(0xD1342543DE82EF95)
FINAL = np.uint64(0xBF58476D1CE4E5B9)
S29, S32 = np.uint64(29), np.uint64(32)


@inlined
def finish(h):
    """Avalanche: every input bit reaches the high half, which is what base hashes are taken from."""
    h ^= h >> S32
    h *= FINAL
    h ^= h >> S29
    h *= MIX
    return h ^ (h >> S32)


@inlined
def roll(tokens, count, words, shingles):
    """Hash every run of `words` tokens (one shorter run if there are fewer); return how many shingles there are."""
    if count == 0:
        return 0
    size = min(words, count)
    found = count - size + 1
    # Token by token for all of them at once, as vectors: to go from each shingle to the next takes half as long again.
    for i in range(found):
        shingles[i] = tokens[i]
    for word in range(1, size):
        for i in range(found):
            shingles[i] = shingles[i] * ROLL + tokens[i + word]
    for i in range(found):
        shingles[i] = finish(shingles[i])
    return found


@inlined
def base_hash(shingle):
    """Take 32 bits of a shingle hash and premix them as datasketch's affine32 scheme does (MurmurHash3 finalizer)."""
    h = np.uint32(shingle >> S32)
    h ^= h >> np.uint32(16)
    h = np.uint32(h * np.uint32(0x85EBCA6B))
    h ^= h >> np.uint32(13)
    h = np.uint32(h * np.uint32(0xC2B2AE35))
    return np.uint32(h ^ (h >> np.uint32(16)))


@leaf
def minimise(shingles, count, multipliers, increments, bases, signature):
    """Lower each hash of `signature` to the least `multiplier * base hash + increment` (mod 2**32) over the shingles.

    `bases` is scratch, uint32, for as many as there are shingles.
    """
    for i in range(count):
        bases[i] = base_hash(shingles[i])
    lower(bases, count, multipliers, increments, signature)


@njit(cache=True, nogil=True)
def sign_rows(
    data,
    offsets,
    packed,
    expansion_offsets,
    expansions,
    ordered,
    words,
    multipliers,
    increments,
    signatures,
    counts,
    keys,
    disordered,
):
    """Fill signature, token count and text key of every row of a column; `signatures` starts at all ones."""
    folding = folding_of(packed, expansion_offsets, expansions, ordered)
    room = scratch_size(offsets)
    firsts, seconds = np.empty(room, np.uint64), np.empty(room, np.uint64)
    tokens, shingles = np.empty(room, np.uint64), np.empty(room, np.uint64)
    bases = np.empty(room, np.uint32)
    states = np.empty((4, LANES), np.uint64)
    for row in range(offsets.shape[0] - 1):
        count, has_symbols, disordered[row] = tokenise(data, offsets[row], offsets[row + 1], folding, firsts, seconds)
        hash_tokens(firsts, seconds, count, tokens)
        keys[row] = text_key(tokens, count, states)
        if has_symbols:
            count = drop_symbols(tokens, seconds, count)
        counts[row] = count
        minimise(shingles, roll(tokens, count, words, shingles), multipliers, increments, bases, signatures[row])


@njit(cache=True, nogil=True)
def key_rows(data, offsets, rows, packed, expansion_offsets, expansions, ordered, keys, disordered):
    """Fill the text key of some rows of a column, as `sign_rows` does."""
    folding = folding_of(packed, expansion_offsets, expansions, ordered)
    room = scratch_size(offsets)
    firsts, seconds = np.empty(room, np.uint64), np.empty(room, np.uint64)
    tokens = np.empty(room, np.uint64)
    states = np.empty((4, LANES), np.uint64)
    for i in range(rows.shape[0]):
        start, end = offsets[rows[i]], offsets[rows[i] + 1]
        count, _, disordered[i] = tokenise(data, start, end, folding, firsts, seconds)
        hash_tokens(firsts, seconds, count, tokens)
        keys[i] = text_key(tokens, count, states)


@leaf
def distinct(shingles, count, secret, table):
    """Move the distinct ones among `shingles[:count]` to the front, in order of first sight; return how many.

    `table` is an empty open-addressing table (all zeros) of `table_size(count)` slots. The hash 0 stands for "free" and
    is counted by hand.
    """
    mask = np.uint64(table.shape[0] - 1)
    kept = 0
    zero_seen = False
    for i in range(count):
        shingle = shingles[i]
        if shingle == np.uint64(0):
            if not zero_seen:
                zero_seen = True
                shingles[kept] = shingle
                kept += 1
            continue
        slot = slot_of(shingle, secret, mask)
        while table[slot] != np.uint64(0) and table[slot] != shingle:
            slot = (slot + np.uint64(1)) & mask
        if table[slot] == np.uint64(0):
            table[slot] = shingle
            shingles[kept] = shingle
            kept += 1
    return kept


@njit(cache=True, nogil=True)
def shingle_rows(
    data, offsets, rows, packed, expansion_offsets, expansions, ordered, words, secret, set_offsets, disordered
):
    """Return the distinct shingle hashes of some rows, end to end; `set_offsets` gets where each row's begin."""
    folding = folding_of(packed, expansion_offsets, expansions, ordered)
    room = scratch_size(offsets)
    firsts, seconds = np.empty(room, np.uint64), np.empty(room, np.uint64)
    tokens, shingles = np.empty(room, np.uint64), np.empty(room, np.uint64)
    found = np.empty(max(offsets[offsets.shape[0] - 1] - offsets[0], 64) // 4, np.uint64)
    table = np.zeros(16, np.uint64)
    at = 0
    set_offsets[0] = 0
    for i in range(rows.shape[0]):
        start, end = offsets[rows[i]], offsets[rows[i] + 1]
        count, has_symbols, disordered[i] = tokenise(data, start, end, folding, firsts, seconds)
        hash_tokens(firsts, seconds, count, tokens)
        if has_symbols:
            count = drop_symbols(tokens, seconds, count)
        count = roll(tokens, count, words, shingles)
        size = table_size(count)
        if size > table.shape[0]:
            table = np.zeros(size, np.uint64)
        else:
            table[:size] = np.uint64(0)
        count = distinct(shingles, count, secret, table[:size])
        if at + count > found.shape[0]:
            grown = np.empty(max(2 * found.shape[0], at + count), np.uint64)
            copy_range(grown, 0, found, 0, at)
            found = grown
        copy_range(found, at, shingles, 0, count)
        at += count
        set_offsets[i + 1] = at
    return found[:at]


@njit(cache=True, nogil=True)
def band_rows(signatures, bands, rows, keys):
    """Hash each band of each signature: `keys[d, b]` over `signatures[d, b * rows : (b + 1) * rows]`."""
    for document in range(signatures.shape[0]):
        for band in range(bands):
            h = np.uint64(band + 1)
            for j in range(band * rows, (band + 1) * rows):
                h = (h ^ np.uint64(signatures[document, j])) * MIX
                h ^= h >> S29
            keys[document, band] = h
