"""Sixty-four bytes at once: which of them are what is looked for, as the bits of one 64-bit number.

numba has no words for this, LLVM does: a comparison of 64 bytes is one to four instructions of any processor of today,
and of others LLVM makes what it can. Without the compiler (NUMBA_DISABLE_JIT) the same is done byte by byte.

Whoever calls sees to it that there are 64 bytes from where it looks on, whatever they are.
"""

from __future__ import annotations

import numpy as np
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

from dedup.kernels.leaf import inlined, leaf

WIDTH = 64
"""Bytes that are looked at together."""

SHORT = 16
"""Bytes of a short word."""

LATIN, SHARP_S, SMALL_S = 0xC3, 0x9F, 0x73
"""The first byte of U+00C0 to U+00FF in UTF-8, the second one of "ß", and "s"."""

if config.DISABLE_JIT:

    def match(data, at, bits, low, high):
        """Do what the intrinsic below does."""
        found = (data[at : at + WIDTH] | np.uint8(bits)).tolist()
        return np.uint64(sum((int(low) <= byte <= int(high)) << place for place, byte in enumerate(found)))

    def copy(target, to, data, at):
        """Do what the intrinsic below does."""
        target[to : to + WIDTH] = data[at : at + WIDTH]

    def copy_range(target, to, data, at, size):
        """Do what the intrinsic below does."""
        target[to : to + size] = data[at : at + size]

    def put_letters(firsts, seconds, row, data, at, size):
        """Do what the intrinsic below does."""
        some = data[at : at + SHORT]
        letters = some | np.uint8(0x20)
        sharp = some == SHARP_S
        letters[sharp | np.append(sharp[1:], False)] = SMALL_S
        letters[size:] = 0
        firsts[row], seconds[row] = letters.view(np.uint64)

    def join_blocks(first, second, low, high, fill):
        """Do what the intrinsic below does."""
        joined = int(first) | int(second) << 64 | (int(low) | int(high) << 64) << 8 * int(fill)
        return np.uint64(joined & 2**64 - 1), np.uint64(joined >> 64)

    def count_trailing_zeros(number):
        """Do what the intrinsic below does."""
        return WIDTH if number == 0 else (int(number) & -int(number)).bit_length() - 1

    def count_ones(number):
        """Do what the intrinsic below does."""
        return int(number).bit_count()

else:
    from llvmlite import ir

    BYTES, WORD = ir.VectorType(ir.IntType(8), WIDTH), ir.IntType(64)

    def place_in(context, builder, array_type, array, at):
        """Return a pointer to an element of an array."""
        return builder.gep(context.make_array(array_type)(context, builder, array).data, [at])

    def _bytes_at(context, builder, array_type, array, at):
        """Return a pointer to 64 bytes of an array."""
        return builder.bitcast(place_in(context, builder, array_type, array, at), BYTES.as_pointer())

    def everywhere(builder, vector, number):
        """Return a vector of this type that holds one number everywhere."""
        first = builder.insert_element(ir.Constant(vector, ir.Undefined), number, ir.Constant(WORD, 0))
        places = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
        return builder.shuffle_vector(first, first, places)

    @intrinsic
    def match(typing_context, data, at, bits, low, high):
        """Set bit i where `low <= data[at + i] | bits <= high`, for 64 bytes."""

        def generate(context, builder, signature, arguments):
            array, place, *rule = arguments
            some_bits, lowest, highest = (everywhere(builder, BYTES, byte) for byte in rule)
            found = builder.load(_bytes_at(context, builder, signature.args[0], array, place), align=1)
            above = builder.sub(builder.or_(found, some_bits), lowest)
            is_found = builder.icmp_unsigned("<=", above, builder.sub(highest, lowest))
            return builder.bitcast(is_found, WORD)

        return types.uint64(data, types.int64, types.uint8, types.uint8, types.uint8), generate

    @intrinsic
    def copy(typing_context, target, to, data, at):
        """Copy 64 bytes."""

        def generate(context, builder, signature, arguments):
            into, to, array, at = arguments
            found = builder.load(_bytes_at(context, builder, signature.args[2], array, at), align=1)
            builder.store(found, _bytes_at(context, builder, signature.args[0], into, to), align=1)
            return context.get_dummy_value()

        return types.void(target, types.int64, data, types.int64), generate

    @intrinsic
    def copy_range(typing_context, target, to, data, at, size):
        """Copy between arrays of one type, as fast as the C library does.

        Assigning slices is several times slower, and numba compiles a second of words about their shapes for it.
        """

        def generate(context, builder, signature, arguments):
            into, to, array, at, size = arguments
            places = (
                place_in(context, builder, kind, value, place)
                for kind, value, place in ((signature.args[0], into, to), (signature.args[2], array, at))
            )
            cgutils.raw_memcpy(builder, *places, size, target.dtype.bitwidth // 8)
            return context.get_dummy_value()

        return types.void(target, types.int64, data, types.int64, types.int64), generate

    @intrinsic
    def put_letters(typing_context, firsts, seconds, row, data, at, size):
        """Write up to sixteen bytes of letters, folded and filled up with zeros, as a row of two columns.

        They are as `find_letters` and `find_latin` find them. Folded, "ß" is "ss", and the others have a bit set which
        makes a letter small, in ASCII and behind `LATIN`; that it changes this byte as well is of no account, see
        `folding.encode`.
        """

        def generate(context, builder, signature, arguments):
            *columns, row, array, at, size = arguments
            some, two = ir.VectorType(ir.IntType(8), SHORT), ir.VectorType(WORD, 2)
            found = builder.load(
                builder.bitcast(place_in(context, builder, signature.args[3], array, at), some.as_pointer()), align=1
            )
            small = builder.or_(found, ir.Constant(some, [0x20] * SHORT))
            is_sharp = builder.icmp_unsigned("==", found, ir.Constant(some, [SHARP_S] * SHORT))
            nowhere = ir.Constant(is_sharp.type, [0] * SHORT)
            following = ir.Constant(ir.VectorType(ir.IntType(32), SHORT), list(range(1, SHORT + 1)))
            is_before = builder.shuffle_vector(is_sharp, nowhere, following)
            small_s = ir.Constant(some, [SMALL_S] * SHORT)
            lower = builder.select(builder.or_(is_sharp, is_before), small_s, small)
            # Sizes up to 16 fit into a byte.
            sizes = everywhere(builder, some, builder.trunc(size, ir.IntType(8)))
            is_inside = builder.icmp_unsigned("<", ir.Constant(some, list(range(SHORT))), sizes)
            letters = builder.bitcast(builder.select(is_inside, lower, ir.Constant(some, [0] * SHORT)), two)
            for half, (kind, column) in enumerate(zip(signature.args, columns, strict=False)):
                value = builder.extract_element(letters, ir.Constant(WORD, half))
                builder.store(value, place_in(context, builder, kind, column, row))
            return context.get_dummy_value()

        return types.void(firsts, seconds, types.int64, data, types.int64, types.int64), generate

    @intrinsic
    def join_blocks(typing_context, first, second, low, high, fill):
        """Put two blocks of eight bytes behind `fill` bytes of two others, fifteen at most; return these two.

        As one number of 128 bits, since which block a byte goes to is nothing a branch could foresee.
        """
        block = types.uint64

        def generate(context, builder, signature, arguments):
            both = ir.IntType(128)
            *blocks, fill = (builder.zext(number, both) for number in arguments)
            wide = ir.Constant(both, 64)
            into, some = (builder.or_(blocks[i], builder.shl(blocks[i + 1], wide)) for i in (0, 2))
            joined = builder.or_(into, builder.shl(some, builder.mul(fill, ir.Constant(both, 8))))
            halves = (builder.trunc(number, WORD) for number in (joined, builder.lshr(joined, wide)))
            return context.make_tuple(builder, signature.return_type, list(halves))

        return types.UniTuple(block, 2)(block, block, block, block, types.int64), generate

    @intrinsic
    def count_ones(typing_context, number):
        """Return how many bits are set."""

        def generate(context, builder, signature, arguments):
            return builder.ctpop(arguments[0])

        return types.int64(types.uint64), generate

    @intrinsic
    def count_trailing_zeros(typing_context, number):
        """Return the place of the lowest bit that is set; 64 for zero."""

        def generate(context, builder, signature, arguments):
            return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

        return types.int64(types.uint64), generate


@inlined
def load_eight(data, at):
    """Read eight bytes, the first one lowest. Unsigned indices let the compiler make it one load."""
    i = np.uint64(at)
    eight = np.uint64(data[i])
    for k in range(np.uint64(1), np.uint64(8)):
        eight |= np.uint64(data[i + k]) << (k * np.uint64(8))
    return eight


@inlined
def find_letters(data, at):
    """Set the bits of ASCII letters and digits among 64 bytes."""
    return match(data, at, 0x20, 0x61, 0x7A) | match(data, at, 0, 0x30, 0x39)


@inlined
def find_latin(data, at):
    """Set the bits of the first bytes of letters from U+00C0 to U+00FF among 64 bytes; looks at one more byte.

    All of these are letters but U+00D7 and U+00F7, the signs for times and divided by.
    """
    return match(data, at, 0, LATIN, LATIN) & ~match(data, at + 1, 0x20, 0xB7, 0xB7)


@inlined
def find_byte(data, at, end, byte):
    """Return the first position from `at` on that holds `byte`, `end` if none before it does."""
    while at < end and at + WIDTH <= data.shape[0]:
        found = match(data, at, 0, byte, byte)
        if found:
            return min(at + count_trailing_zeros(found), end)
        at += WIDTH
    while at < end and data[at] != byte:
        at += 1
    return min(at, end)


@leaf
def count_code_points(data, start, end):
    """Count the code points of UTF-8: all bytes but those that continue one."""
    count = end - start
    at = start
    while at + WIDTH <= end:
        count -= count_ones(match(data, at, 0, 0x80, 0xBF))
        at += WIDTH
    for place in range(np.uint64(at), np.uint64(end)):
        count -= (data[place] & np.uint8(0xC0)) == np.uint8(0x80)
    return count
