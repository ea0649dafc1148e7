"""Sixty-four bytes at once: which of them are what is looked for, as the bits of one 64-bit number.

numba has no words for this, LLVM does: a comparison of 64 bytes is one to four instructions of any processor of today,
and of others LLVM makes what it can. Without the compiler (NUMBA_DISABLE_JIT) the same is done byte by byte.

Whoever calls sees to it that there are 64 bytes from where it looks on, whatever they are.
"""

from __future__ import annotations

import numpy as np
from numba import config, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

WIDTH = 64
"""Bytes that are looked at together."""

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
        """Copy bytes between arrays, as fast as the C library does; assigning slices is several times slower."""

        def generate(context, builder, signature, arguments):
            into, to, array, at, size = arguments
            places = (
                place_in(context, builder, kind, value, place)
                for kind, value, place in ((signature.args[0], into, to), (signature.args[2], array, at))
            )
            cgutils.raw_memcpy(builder, *places, size, 1)
            return context.get_dummy_value()

        return types.void(target, types.int64, data, types.int64, types.int64), generate

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


@njit(cache=True, nogil=True, inline="always")
def load_eight(data, at):
    """Read eight bytes, the first one lowest. Unsigned indices let the compiler make it one load."""
    i = np.uint64(at)
    eight = np.uint64(data[i])
    for k in range(np.uint64(1), np.uint64(8)):
        eight |= np.uint64(data[i + k]) << (k * np.uint64(8))
    return eight


@njit(cache=True, nogil=True, inline="always")
def find_letters(data, at):
    """Set the bits of ASCII letters and digits among 64 bytes."""
    return match(data, at, 0x20, 0x61, 0x7A) | match(data, at, 0, 0x30, 0x39)


@njit(cache=True, nogil=True, inline="always")
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
