"""From UTF-8 to tokens, from tokens to shingle hashes, from shingle hashes to MinHash signatures and band keys.

Tokens and text keys are hashed with SipHash-2-4 (Aumasson and Bernstein, 2012): no way is known to write a text for a
given hash that is faster than trying 2**64. A hash that only multiplies and shifts is solved like an equation, and a
page of gibberish could take the place of an article.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from dedup.kernels.eight import HIGH_BITS, LOW_BITS, load_eight
from dedup.unicode import EXPANDS as _EXPANDS
from dedup.unicode import FOLD_MASK as _FOLD_MASK
from dedup.unicode import MARK as _MARK
from dedup.unicode import SINGLE as _SINGLE
from dedup.unicode import SYMBOL as _SYMBOL
from dedup.unicode import WORD as _WORD

FOLD_MASK, WORD, SINGLE, EXPANDS = np.uint32(_FOLD_MASK), np.uint32(_WORD), np.uint32(_SINGLE), np.uint32(_EXPANDS)
SYMBOL, MARK = np.uint32(_SYMBOL), np.uint32(_MARK)

# SipHash's four constants, "somepseudorandomlygeneratedbytes", with the key 0.
SIP_0, SIP_1 = np.uint64(0x736F6D6570736575), np.uint64(0x646F72616E646F6D)
SIP_2, SIP_3 = np.uint64(0x6C7967656E657261), np.uint64(0x7465646279746573)
SIP_END = np.uint64(0xFF)
# Set in the block of a code point that is not ASCII, so that it is no group of ASCII letters.
ALONE = np.uint64(0x8000000000000000)
# Odd 64-bit multipliers with well-spread bits: golden ratio, and two of PCG's and splitmix64's.
MIX = np.uint64(0x9E3779B97F4A7C15)
ROLL = np.uint64(0xD1342543DE82EF95)
FINAL = np.uint64(0xBF58476D1CE4E5B9)
S7, S29, S32, S56 = np.uint64(7), np.uint64(29), np.uint64(32), np.uint64(56)
NOTHING, LOW, SPACE = np.uint64(0), np.uint64(1), np.uint8(0x20)
SPACES = np.uint64(0x2020202020202020)
# Eight times 0x80 less "a", "z" + 1, "0" and "9" + 1.
FROM_A, FROM_AFTER_Z = np.uint64(0x1F1F1F1F1F1F1F1F), np.uint64(0x0505050505050505)
FROM_0, FROM_AFTER_9 = np.uint64(0x5050505050505050), np.uint64(0x4646464646464646)
NO_STATE, IN_WORD, IN_SINGLE = 0, 1, 2
# The iota below a Greek letter is a mark that folds to a letter: other marks, which belong before it, may follow it.
IOTA_BELOW, GREEK_WITH_IOTA, GREEK_END = np.uint32(0x345), np.uint32(0x1F80), np.uint32(0x2000)


@njit(cache=True, nogil=True, inline="always")
def finish(h):
    """Avalanche: every input bit reaches the high half, which is what base hashes are taken from."""
    h ^= h >> S32
    h *= FINAL
    h ^= h >> S29
    h *= MIX
    return h ^ (h >> S32)


@njit(cache=True, nogil=True, inline="always")
def rotate(value, bits):
    """Rotate to the left."""
    return (value << np.uint64(bits)) | (value >> np.uint64(64 - bits))


@njit(cache=True, nogil=True, inline="always")
def sip_round(a, b, c, d):
    """Mix the state of SipHash once."""
    a += b
    b = rotate(b, 13) ^ a
    a = rotate(a, 32)
    c += d
    d = rotate(d, 16) ^ c
    a += d
    d = rotate(d, 21) ^ a
    c += b
    b = rotate(b, 17) ^ c
    c = rotate(c, 32)
    return a, b, c, d


@njit(cache=True, nogil=True, inline="always")
def absorb(a, b, c, d, block):
    """Take a block of 64 bits into the state."""
    a, b, c, d = sip_round(a, b, c, d ^ block)
    a, b, c, d = sip_round(a, b, c, d)
    return a ^ block, b, c, d


@njit(cache=True, nogil=True, inline="always")
def digest(a, b, c, d):
    """End, and return the hash."""
    a, b, c, d = sip_round(a, b, c ^ SIP_END, d)
    a, b, c, d = sip_round(a, b, c, d)
    a, b, c, d = sip_round(a, b, c, d)
    a, b, c, d = sip_round(a, b, c, d)
    return a ^ b ^ c ^ d


@njit(cache=True, nogil=True, inline="always")
def find_letters(eight, lower):
    """Set the high bit of every byte that is an ASCII letter or digit; `lower` is `eight` with bit 5 set everywhere.

    A sum of seven bits and a constant reaches bit 7 exactly from some letter on, for all eight bytes at once.
    """
    low, plain = lower & ~HIGH_BITS, eight & ~HIGH_BITS
    letter = (low + FROM_A) & ~(low + FROM_AFTER_Z)
    digit = (plain + FROM_0) & ~(plain + FROM_AFTER_9)
    return (letter | digit) & HIGH_BITS & ~eight


@njit(cache=True, nogil=True, inline="always")
def push(a, b, c, d, group, fill, letter):
    """Add a folded code point to a word: ASCII ones in groups of eight, so that most words are one block."""
    if letter < np.uint64(0x80):
        group |= letter << np.uint64(8 * fill)
        fill += 1
        if fill == 8:
            a, b, c, d = absorb(a, b, c, d, group)
            group = NOTHING
            fill = 0
    else:
        if fill:
            a, b, c, d = absorb(a, b, c, d, group)
        a, b, c, d = absorb(a, b, c, d, letter | ALONE)
        group = NOTHING
        fill = 0
    return a, b, c, d, group, fill


@njit(cache=True, nogil=True, inline="always")
def end_token(a, b, c, d, group, fill):
    """Return the hash of a word."""
    if fill:
        a, b, c, d = absorb(a, b, c, d, group)
    return digest(a, b, c, d)


@njit(cache=True, nogil=True)
def tokenise(data, start, end, packed, expansion_offsets, expansions, ordered, tokens):
    """Hash the tokens of one document into `tokens`; return (tokens, text key, marks out of canonical order).

    The text key runs over tokens and symbols alike, so "5 %" and "5" differ in it while their tokens do not.
    It is 0 exactly when there is neither.
    """
    count = 0
    group = NOTHING
    a, b, c, d = SIP_0, SIP_1, SIP_2, SIP_3
    fill = 0
    state = NO_STATE
    key_a, key_b, key_c, key_d = SIP_0, SIP_1, SIP_2, SIP_3
    has_symbols = False
    last_class = np.uint8(0)
    disordered = False
    previous = np.uint32(0)
    at = start
    while at < end:
        if state != IN_SINGLE and fill == 0 and at + 8 <= end:
            # Nearly all of most texts is ASCII words: eight bytes at once, as many of them as are letters or digits.
            eight = load_eight(data, at)
            lower = eight | SPACES
            letters = find_letters(eight, lower)
            if letters == HIGH_BITS:
                a, b, c, d = absorb(a, b, c, d, lower)
                at += 8
                state, last_class, previous = IN_WORD, np.uint8(0), np.uint32(0)
                continue
            # All ones below the first byte that is not a letter.
            other = letters ^ HIGH_BITS
            mask = ((other & (~other + LOW)) >> S7) - LOW
            if mask != NOTHING:
                group = lower & mask
                fill = np.int64(((mask & LOW_BITS) * LOW_BITS) >> S56)
                at += fill
                state, last_class, previous = IN_WORD, np.uint8(0), np.uint32(0)
            if data[at] == SPACE:
                if state != NO_STATE:
                    tokens[count] = end_token(a, b, c, d, group, fill)
                    key_a, key_b, key_c, key_d = absorb(key_a, key_b, key_c, key_d, tokens[count])
                    count += 1
                    a, b, c, d = SIP_0, SIP_1, SIP_2, SIP_3
                    group = NOTHING
                    fill = 0
                    state = NO_STATE
                last_class = np.uint8(0)
                at += 1
                continue
        byte = np.uint32(data[at])
        if byte < np.uint32(0x80):
            code_point = byte
            at += 1
        elif byte < np.uint32(0xE0):
            code_point = ((byte & np.uint32(0x1F)) << np.uint32(6)) | (np.uint32(data[at + 1]) & np.uint32(0x3F))
            at += 2
        elif byte < np.uint32(0xF0):
            code_point = (
                ((byte & np.uint32(0x0F)) << np.uint32(12))
                | ((np.uint32(data[at + 1]) & np.uint32(0x3F)) << np.uint32(6))
                | (np.uint32(data[at + 2]) & np.uint32(0x3F))
            )
            at += 3
        else:
            code_point = (
                ((byte & np.uint32(0x07)) << np.uint32(18))
                | ((np.uint32(data[at + 1]) & np.uint32(0x3F)) << np.uint32(12))
                | ((np.uint32(data[at + 2]) & np.uint32(0x3F)) << np.uint32(6))
                | (np.uint32(data[at + 3]) & np.uint32(0x3F))
            )
            at += 4
        entry = packed[code_point]
        if entry & EXPANDS:
            row = np.int64(entry & FOLD_MASK)
            piece = expansion_offsets[row]
            pieces = expansion_offsets[row + 1]
            if piece == pieces:
                continue
            entry = packed[expansions[piece]]
        else:
            piece = pieces = 0
        while True:
            if (entry & (WORD | SINGLE | MARK)) == WORD and state != IN_SINGLE:
                a, b, c, d, group, fill = push(a, b, c, d, group, fill, np.uint64(entry & FOLD_MASK))
                state = IN_WORD
                last_class = np.uint8(0)
            elif entry & MARK:
                folded = entry & FOLD_MASK
                mark_class = ordered[folded]
                if mark_class != 0 and mark_class < last_class:
                    disordered = True
                if previous == IOTA_BELOW or (previous >= GREEK_WITH_IOTA and previous < GREEK_END):
                    disordered = True
                last_class = mark_class
                a, b, c, d, group, fill = push(a, b, c, d, group, fill, np.uint64(folded))
                if state == NO_STATE:
                    state = IN_WORD
            else:
                if state != NO_STATE:
                    tokens[count] = end_token(a, b, c, d, group, fill)
                    key_a, key_b, key_c, key_d = absorb(key_a, key_b, key_c, key_d, tokens[count])
                    count += 1
                    state = NO_STATE
                    a, b, c, d = SIP_0, SIP_1, SIP_2, SIP_3
                    group = NOTHING
                    fill = 0
                last_class = np.uint8(0)
                if entry & WORD:
                    a, b, c, d, group, fill = push(a, b, c, d, group, fill, np.uint64(entry & FOLD_MASK))
                    state = IN_SINGLE if entry & SINGLE else IN_WORD
                elif entry & SYMBOL:
                    has_symbols = True
                    key_a, key_b, key_c, key_d = absorb(key_a, key_b, key_c, key_d, np.uint64(entry & FOLD_MASK))
            piece += 1
            if piece >= pieces:
                break
            entry = packed[expansions[piece]]
        previous = code_point
    if state != NO_STATE:
        tokens[count] = end_token(a, b, c, d, group, fill)
        key_a, key_b, key_c, key_d = absorb(key_a, key_b, key_c, key_d, tokens[count])
        count += 1
    key = NOTHING
    if count > 0 or has_symbols:
        key = max(digest(key_a, key_b, key_c, key_d), LOW)
    return count, key, disordered


@njit(cache=True, nogil=True, inline="always")
def roll(tokens, count, words, shingles):
    """Hash every run of `words` tokens (one shorter run if there are fewer); return how many shingles there are."""
    if count == 0:
        return 0
    size = min(words, count)
    drop = np.uint64(1)
    for _ in range(size):
        drop *= ROLL
    h = np.uint64(0)
    for i in range(size):
        h = h * ROLL + tokens[i]
    shingles[0] = finish(h)
    for i in range(size, count):
        h = h * ROLL + tokens[i] - drop * tokens[i - size]
        shingles[i - size + 1] = finish(h)
    return count - size + 1


@njit(cache=True, nogil=True, inline="always")
def base_hash(shingle):
    """Take 32 bits of a shingle hash and premix them as datasketch's affine32 scheme does (MurmurHash3 finalizer)."""
    h = np.uint32(shingle >> S32)
    h ^= h >> np.uint32(16)
    h = np.uint32(h * np.uint32(0x85EBCA6B))
    h ^= h >> np.uint32(13)
    h = np.uint32(h * np.uint32(0xC2B2AE35))
    return np.uint32(h ^ (h >> np.uint32(16)))


@njit(cache=True, nogil=True)
def minimise(shingles, count, multipliers, increments, signature):
    """Lower each hash of `signature` to the least `multiplier * base hash + increment` (mod 2**32) over the shingles.

    Four shingles a turn, so that signature, multipliers and increments are loaded once for the four.
    """
    hashes = signature.shape[0]
    i = 0
    while i + 4 <= count:
        h0 = base_hash(shingles[i])
        h1 = base_hash(shingles[i + 1])
        h2 = base_hash(shingles[i + 2])
        h3 = base_hash(shingles[i + 3])
        for j in range(hashes):
            a = multipliers[j]
            b = increments[j]
            low = min(np.uint32(a * h0 + b), np.uint32(a * h1 + b))
            low = min(low, min(np.uint32(a * h2 + b), np.uint32(a * h3 + b)))
            signature[j] = min(signature[j], low)
        i += 4
    while i < count:
        h0 = base_hash(shingles[i])
        for j in range(hashes):
            signature[j] = min(signature[j], np.uint32(multipliers[j] * h0 + increments[j]))
        i += 1


@njit(cache=True, nogil=True)
def scratch_size(offsets):
    """Return how many tokens the longest row can have: no code point folds to more than 5 tokens in 3 bytes."""
    longest = np.int64(0)
    for row in range(offsets.shape[0] - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    return longest * 2 + 2


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
    tokens = np.empty(scratch_size(offsets), np.uint64)
    shingles = np.empty(tokens.shape[0], np.uint64)
    for row in range(offsets.shape[0] - 1):
        counts[row], keys[row], disordered[row] = tokenise(
            data, offsets[row], offsets[row + 1], packed, expansion_offsets, expansions, ordered, tokens
        )
        minimise(shingles, roll(tokens, counts[row], words, shingles), multipliers, increments, signatures[row])


@njit(cache=True, nogil=True)
def distinct(shingles, count, table):
    """Move the distinct ones among `shingles[:count]` to the front, in order of first sight; return how many.

    `table` is an empty open-addressing table (all zeros), a power of two, at least twice `count`. The hash 0 stands for
    "free" and is counted by hand.
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
        slot = shingle & mask
        while table[slot] != np.uint64(0) and table[slot] != shingle:
            slot = (slot + np.uint64(1)) & mask
        if table[slot] == np.uint64(0):
            table[slot] = shingle
            shingles[kept] = shingle
            kept += 1
    return kept


@njit(cache=True, nogil=True)
def table_size(count):
    """Return the power of two that keeps an open-addressing table of `count` keys at most half full."""
    size = 16
    while size < 2 * count:
        size *= 2
    return size


@njit(cache=True, nogil=True)
def shingle_rows(data, offsets, packed, expansion_offsets, expansions, ordered, words, set_offsets, disordered):
    """Return the distinct shingle hashes of every row, end to end; `set_offsets` gets where each row's begin."""
    tokens = np.empty(scratch_size(offsets), np.uint64)
    shingles = np.empty(tokens.shape[0], np.uint64)
    found = np.empty(max(offsets[offsets.shape[0] - 1] - offsets[0], 64) // 4, np.uint64)
    table = np.zeros(16, np.uint64)
    at = 0
    set_offsets[0] = 0
    for row in range(offsets.shape[0] - 1):
        count, _, disordered[row] = tokenise(
            data, offsets[row], offsets[row + 1], packed, expansion_offsets, expansions, ordered, tokens
        )
        count = roll(tokens, count, words, shingles)
        size = table_size(count)
        if size > table.shape[0]:
            table = np.zeros(size, np.uint64)
        else:
            table[:size] = np.uint64(0)
        count = distinct(shingles, count, table[:size])
        if at + count > found.shape[0]:
            grown = np.empty(max(2 * found.shape[0], at + count), np.uint64)
            grown[:at] = found[:at]
            found = grown
        found[at : at + count] = shingles[:count]
        at += count
        set_offsets[row + 1] = at
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
