"""From UTF-8 to the hashes of its tokens, and of the whole text.

SipHash is a long chain of steps, each of which waits for the one before. So the scan only packs the letters of each
token into two blocks of eight bytes; all tokens of a text are hashed together afterwards, several at once.
"""

from __future__ import annotations

import numpy as np

from dedup.kernels.folding import (
    EXPANDS,
    FOLD_MASK,
    GREEK_END,
    GREEK_WITH_IOTA,
    IOTA_BELOW,
    MARK,
    NOTHING,
    S48,
    S56,
    SINGLE,
    SYMBOL,
    WORD,
    compose,
    encode,
    is_base,
    letter_at,
)
from dedup.kernels.lanes import LANES, absorb_lanes, hash_lanes
from dedup.kernels.leaf import inlined, leaf
from dedup.kernels.siphash import SIP_0, SIP_1, SIP_2, SIP_3, absorb, digest, hash_pair
from dedup.kernels.vector import (
    WIDTH,
    count_trailing_zeros,
    find_latin,
    find_letters,
    join_blocks,
    load_eight,
    put_letters,
)

# What stands in the second block of a symbol; no token has it there, since it is not UTF-8.
SYMBOL_BLOCK = np.uint64(0xFFFFFFFFFFFFFFFF)
LOW, SPACE = np.uint64(1), np.uint8(0x20)
BYTE, SIX_BYTES = np.uint64(0xFF), np.uint64(0xFFFFFFFFFFFF)
SPACES = np.uint64(0x2020202020202020)
NO_STATE, IN_WORD, IN_SINGLE = 0, 1, 2


@leaf
def shorten(first, second):
    """Make one block of two; a function of its own, since words of more than sixteen bytes are rare."""
    return hash_pair(first, second)


@leaf
def add_block(first, second, block):
    """Append a block to a token, which is 0 where there is no block yet, so that there are two at most."""
    if first == NOTHING:
        return block, second
    if second != NOTHING:
        first = shorten(first, second)
    return first, block


@leaf
def push(first, second, group, fill, some, size):
    """Append up to eight bytes of UTF-8 to a token, which is two full blocks at most and a group of `fill` bytes.

    The bytes of `some` above `size` are zero.
    """
    group |= some << np.uint64(8 * fill)
    fill += size
    if fill >= 8:
        first, second = add_block(first, second, group)
        fill -= 8
        # A shift by all 64 bits would not clear the block, so it is done in two steps.
        group = (some >> np.uint64(8 * (size - fill) // 2)) >> np.uint64(8 * (size - fill) - 8 * (size - fill) // 2)
    return first, second, group, fill


@leaf
def push_held(first, second, group, fill, held):
    """Append the letter that was held back, if there is one."""
    return push(first, second, group, fill, held, np.int64(held != NOTHING))


@leaf
def end_token(first, second, group, fill, held):
    """Return the two blocks that stand for a token."""
    first, second, group, fill = push_held(first, second, group, fill, held)
    if group == NOTHING:
        return first, second
    return add_block(first, second, group)


@leaf
def keep_low(eight, size):
    """Keep the lowest bytes: all for 8 and more, none for 0 and less."""
    kept = eight & ((LOW << np.uint64(8 * (size & 7))) - LOW)
    return eight if size >= 8 else (kept if size > 0 else NOTHING)


@leaf
def hold_last(first, second, fill):
    """Take the last byte from the two blocks of a token if it is a letter that a mark may make another of.

    Returns:
        What `push` goes on with: two blocks, a group and how many bytes are in it; and the letter, 0 for none.
    """
    last = np.uint64(8 * ((fill - 1) & 7))
    block = second if fill > 8 else first
    held = block >> last & BYTE
    if is_base(held):
        fill -= 1
        if fill >= 8:
            second ^= held << last
        else:
            first ^= held << last
    else:
        held = NOTHING
    if fill < 8:
        return NOTHING, NOTHING, first, fill, held
    if fill < 16:
        return first, NOTHING, second, fill - 8, held
    return first, second, NOTHING, 0, held


@leaf
def take_word(data, at, end, two_bytes):
    """Take ASCII letters and letters of two bytes, as long as they come to sixteen bytes at most.

    Args:
        data: The text; there are 64 bytes from `at` on.
        at: Where the word begins.
        end: Where to stop at the latest.
        two_bytes: As of `Folding`.

    Returns:
        Where it stopped, two blocks, how many bytes are in them, and the class of the mark they end with.
    """
    first = second = NOTHING
    fill = place = 0
    last_class = np.uint8(0)
    others = ~find_letters(data, at)
    while True:
        size = min(min(count_trailing_zeros(others), end - at) - place, 16 - fill)
        if size > 0:
            low = keep_low(load_eight(data, at + place) | SPACES, size)
            high = keep_low(load_eight(data, at + place + 8) | SPACES, size - 8)
            first, second = join_blocks(first, second, low, high, fill)
            place += size
            fill += size
            last_class = np.uint8(0)
        letter = letter_at(data, at + place, two_bytes) if at + place < end else NOTHING
        size = np.int64(letter >> S56)
        if size == 0 or fill + size > 16:
            break
        first, second = join_blocks(first, second, letter & SIX_BYTES, NOTHING, fill)
        place += 2
        fill += size
        last_class = np.uint8((letter >> S48) & BYTE)
        others &= others - LOW
        others &= others - LOW
    return at + place, first, second, fill, last_class


@inlined
def take_words(data, at, end, two_bytes, ends_word, firsts, seconds, count):
    """Write words of sixteen bytes at most for as long as there is nothing else but bytes that end them.

    This is most of most texts. No branch hangs on how long a word is, or on whether there is an umlaut in it, which the
    processor could not foresee.

    Returns:
        Where it stopped, tokens so far, and of the word there its two blocks, how many bytes are in them, and the class
        of the mark they end with.
    """
    begin = at
    carry = NOTHING
    # Of a word that begins anywhere among these 64 bytes, 64 may be looked at.
    while at < end and at + 2 * WIDTH <= data.shape[0]:
        latin = find_latin(data, at)
        others = ~(find_letters(data, at) | latin | (latin << LOW) | carry)
        carry = latin >> np.uint64(63)
        others &= ~NOTHING << np.uint64(max(begin - at, 0))
        if end - at < WIDTH:
            others &= (LOW << np.uint64(end - at)) - LOW
        while others != NOTHING:
            stop = at + count_trailing_zeros(others)
            size = stop - begin
            if size <= 16 and ends_word[data[np.uint64(stop)]]:
                put_letters(firsts, seconds, count, data, begin, size)
                count += np.int64(size > 0)
                others &= others - LOW
                begin = stop + 1
                continue
            behind, first, second, fill, last_class = take_word(data, begin, end, two_bytes)
            if fill == 0 or behind >= end or not ends_word[data[np.uint64(behind)]]:
                return behind, count, first, second, fill, last_class
            firsts[np.uint64(count)], seconds[np.uint64(count)] = first, second
            count += 1
            begin = behind + 1
            others &= ~NOTHING << np.uint64(begin - at) if begin - at < WIDTH else NOTHING
        at += WIDTH
    return begin, count, NOTHING, NOTHING, 0, np.uint8(0)


@leaf
def tokenise(data, start, end, folding, firsts, seconds):
    """Write the two blocks of every token of one document, and its symbols among them.

    A token is the bytes of its folded letters, as of `encode`, in blocks of eight, the last one filled up with zeros.
    Of more than two blocks, the first two are hashed into one until two are left. Letters are decomposed, so that it
    does not matter how they were written; only a letter from a to z and the mark behind it that make one of U+00C0 to
    U+00FF are put together again, since these are what texts of western Europe are full of.

    Returns:
        Tokens and symbols, whether there are symbols, whether marks are out of canonical order.
    """
    packed, expansion_offsets, expansions, ordered, composed, two_bytes, ends_word = folding
    count = 0
    # What is pushed last is held back if it is a letter that a mark may make another of.
    first = second = group = held = NOTHING
    fill = 0
    state = NO_STATE
    has_symbols = False
    last_class = np.uint8(0)
    disordered = False
    previous = np.uint32(0)
    at = start
    while at < end:
        if state == NO_STATE:
            at, count, first, second, fill, last_class = take_words(
                data, at, end, two_bytes, ends_word, firsts, seconds, count
            )
            previous = np.uint32(0)
            if fill:
                state = IN_WORD
                first, second, group, fill, held = hold_last(first, second, fill)
            if at >= end:
                break
        if state != IN_SINGLE:
            if at + WIDTH <= data.shape[0]:
                size = min(count_trailing_zeros(~find_letters(data, at)), end - at, 8)
                if size:
                    first, second, group, fill = push_held(first, second, group, fill, held)
                    letters = keep_low(load_eight(data, at) | SPACES, size)
                    last = np.uint64(8 * (size - 1))
                    held = letters >> last
                    if is_base(held):
                        first, second, group, fill = push(first, second, group, fill, letters ^ held << last, size - 1)
                    else:
                        first, second, group, fill = push(first, second, group, fill, letters, size)
                        held = NOTHING
                    at += size
                    state, last_class, previous = IN_WORD, np.uint8(0), np.uint32(0)
                    if size == 8 or at == end:
                        continue
            if data[at] == SPACE:
                if state != NO_STATE:
                    firsts[count], seconds[count] = end_token(first, second, group, fill, held)
                    count += 1
                    first = second = group = held = NOTHING
                    fill = 0
                    state = NO_STATE
                last_class = np.uint8(0)
                at += 1
                continue
            letter = letter_at(data, at, two_bytes)
            if letter != NOTHING:
                first, second, group, fill = push_held(first, second, group, fill, held)
                held, size = NOTHING, np.int64(letter >> S56)
                first, second, group, fill = push(first, second, group, fill, letter & SIX_BYTES, size)
                last_class = np.uint8((letter >> S48) & BYTE)
                state, previous = IN_WORD, np.uint32(0)
                at += 2
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
            is_mark = entry & MARK
            if is_mark:
                mark_class = ordered[entry & FOLD_MASK]
                if mark_class != 0 and mark_class < last_class:
                    disordered = True
                if previous == IOTA_BELOW or (previous >= GREEK_WITH_IOTA and previous < GREEK_END):
                    disordered = True
                last_class = mark_class
            else:
                last_class = np.uint8(0)
            # A mark goes on with what is there; so does a letter of a word, after one that is not a token of its own.
            goes_on = is_mark or ((entry & (WORD | SINGLE)) == WORD and state != IN_SINGLE)
            if not goes_on and state != NO_STATE:
                firsts[count], seconds[count] = end_token(first, second, group, fill, held)
                count += 1
                first = second = group = held = NOTHING
                fill = 0
                state = NO_STATE
            if is_mark or entry & WORD:
                folded = np.uint64(entry & FOLD_MASK)
                some, size = encode(folded)
                both = compose(composed, held, folded) if held != NOTHING else NOTHING
                if both != NOTHING:
                    some, size = both, 2
                else:
                    first, second, group, fill = push_held(first, second, group, fill, held)
                held = folded if is_base(folded) else NOTHING
                if held == NOTHING:
                    first, second, group, fill = push(first, second, group, fill, some, size)
                if not goes_on or state == NO_STATE:
                    state = IN_SINGLE if entry & SINGLE and not is_mark else IN_WORD
            elif entry & SYMBOL:
                has_symbols = True
                firsts[count], seconds[count] = np.uint64(entry & FOLD_MASK), SYMBOL_BLOCK
                count += 1
            piece += 1
            if piece >= pieces:
                break
            entry = packed[expansions[piece]]
        previous = code_point
    if state != NO_STATE:
        firsts[count], seconds[count] = end_token(first, second, group, fill, held)
        count += 1
    return count, has_symbols, disordered


@leaf
def hash_tokens(firsts, seconds, count, hashes):
    """Hash tokens, and leave symbols as they are.

    All are arrays of 64 bits that go on behind `count` up to a multiple of the lanes; there hashes are 0.
    """
    rounds = (count + LANES - 1) // LANES
    firsts[count : rounds * LANES] = NOTHING
    seconds[count : rounds * LANES] = SYMBOL_BLOCK
    hash_lanes(firsts, seconds, rounds, SYMBOL_BLOCK, hashes)


@leaf
def text_key(hashes, count, states):
    """Hash the hashes of tokens, and symbols as they are, so that "5 %" and "5" differ; 0 exactly for nothing.

    Each lane hashes every eighth, so that the lanes need not wait for one another; then their hashes are hashed.

    Args:
        hashes: uint64[], as `hash_tokens` leaves it.
        count: How many there are.
        states: uint64[4, LANES], scratch.
    """
    if count == 0:
        return NOTHING
    absorb_lanes(hashes, (count + LANES - 1) // LANES, states)
    a, b, c, d = absorb(SIP_0, SIP_1, SIP_2, SIP_3, np.uint64(count))
    for lane in range(LANES):
        lane_hash = digest(states[0, lane], states[1, lane], states[2, lane], states[3, lane])
        a, b, c, d = absorb(a, b, c, d, lane_hash)
    return max(digest(a, b, c, d), LOW)


@leaf
def drop_symbols(hashes, seconds, count):
    """Move the hashes of tokens to the front; return how many there are."""
    kept = 0
    for i in range(count):
        if seconds[i] != SYMBOL_BLOCK:
            hashes[kept] = hashes[i]
            kept += 1
    return kept


@leaf
def scratch_size(offsets):
    """Return how many tokens the longest row can have, and some more: no code point folds to more than 5 in 3 bytes."""
    longest = np.int64(0)
    for row in range(offsets.shape[0] - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    return longest * 2 + LANES
