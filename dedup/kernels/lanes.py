"""Many numbers at once: SipHash of eight pairs of blocks, and a signature's minima in the registers of the processor.

LLVM would find some of this by itself, but half as wide as the processor can, and it would keep going to memory for
what stays the same. So the loops are written down here; what is calculated in them is not, that is `siphash.py`, the
same functions as for single numbers. Without the compiler (NUMBA_DISABLE_JIT) arrays of numpy take the place of the
vectors.
"""

from __future__ import annotations

import numpy as np
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

from dedup.kernels.leaf import leaf
from dedup.kernels.siphash import SIP_0, SIP_1, SIP_2, SIP_3, absorb, hash_pair

LANES = 8
"""Numbers of 64 bits that are calculated with together."""

HASHES = 16
"""Numbers of 32 bits that are."""

GROUP = 4
"""Vectors of hashes of a signature that are lowered together: with their multipliers and increments, twelve registers.
Measured, with sixteen registers or 32: four are faster than two, and than eight, which sixteen cannot hold."""

if config.DISABLE_JIT:

    def hash_lanes(firsts, seconds, rounds, unhashed, hashes):
        """Do what the intrinsic below does."""
        first, second = firsts[: rounds * LANES], seconds[: rounds * LANES]
        hashes[: rounds * LANES] = np.where(second == unhashed, first, hash_pair(first, second))

    def absorb_lanes(hashes, rounds, states):
        """Do what the intrinsic below does."""
        state = [np.full(LANES, constant) for constant in (SIP_0, SIP_1, SIP_2, SIP_3)]
        for block in hashes[: rounds * LANES].reshape(rounds, LANES):
            state = absorb(*state, block)
        states[:] = state

    def _lowering(vectors):
        def lower(bases, count, multipliers, increments, signature, at):
            some = slice(at, at + vectors * HASHES)
            for base in bases[:count]:
                signature[some] = np.minimum(signature[some], multipliers[some] * base + increments[some])

        return lower

else:
    from llvmlite import ir

    from dedup.kernels.vector import everywhere, place_in

    INDEX = ir.IntType(64)
    WIDE, NARROW = ir.VectorType(ir.IntType(64), LANES), ir.VectorType(ir.IntType(32), HASHES)

    class Lanes:
        """A vector that can be calculated with like a number; what comes of it are instructions."""

        __array_ufunc__ = None  # so that numpy's scalars leave it to this class to calculate with them

        def __init__(self, builder, value):
            self.builder, self.value = builder, value

        def _made(self, make, other):
            same = self.value.type
            right = other.value if isinstance(other, Lanes) else ir.Constant(same, [int(other)] * same.count)
            return Lanes(self.builder, make(self.value, right))

        def __add__(self, other):
            return self._made(self.builder.add, other)

        def __mul__(self, other):
            return self._made(self.builder.mul, other)

        def __xor__(self, other):
            return self._made(self.builder.xor, other)

        def __or__(self, other):
            return self._made(self.builder.or_, other)

        def __lshift__(self, other):
            return self._made(self.builder.shl, other)

        def __rshift__(self, other):
            return self._made(self.builder.lshr, other)

        __radd__, __rxor__ = __add__, __xor__

        def least(self, other):
            """Return the lesser number of each lane, unsigned."""
            is_less = self.builder.icmp_unsigned("<", self.value, other.value)
            return Lanes(self.builder, self.builder.select(is_less, self.value, other.value))

    class Loop:
        """The arrays of an intrinsic as vectors, and variables that stay in registers."""

        def __init__(self, context, builder, signature, arguments, vector):
            self._context, self.builder, self._vector = context, builder, vector
            self._arrays = list(zip(signature.args, arguments, strict=True))

        def _place(self, array, at):
            array_type, value = self._arrays[array]
            return place_in(self._context, self.builder, array_type, value, at)

        def number(self, array, at):
            """Read one number from an argument, an array, as the vector that holds it everywhere."""
            return self.everywhere(self.builder.load(self._place(array, at)))

        def _vector_at(self, array, at):
            return self.builder.bitcast(self._place(array, at), self._vector.as_pointer())

        def load(self, array, at):
            """Read a vector from an argument, an array, at a position that need not be aligned."""
            return Lanes(self.builder, self.builder.load(self._vector_at(array, at), align=1))

        def store(self, lanes, array, at):
            """Write a vector to an argument, an array."""
            self.builder.store(lanes.value, self._vector_at(array, at), align=1)

        def everywhere(self, number):
            """Return the vector of one number."""
            return Lanes(self.builder, everywhere(self.builder, self._vector, number))

        def variable(self, lanes):
            """Make a variable that starts as `lanes`."""
            return cgutils.alloca_once_value(self.builder, lanes.value)

        def value(self, variable):
            """Return what a variable is now."""
            return Lanes(self.builder, self.builder.load(variable))

        def assign(self, lanes, variable):
            """Change a variable."""
            self.builder.store(lanes.value, variable)

    def _index(number):
        return ir.Constant(INDEX, number)

    @intrinsic
    def hash_lanes(typing_context, firsts, seconds, rounds, unhashed, hashes):
        """Hash `rounds` times eight pairs of blocks; where the second is `unhashed`, the hash is the first."""

        def generate(context, builder, signature, arguments):
            loop = Loop(context, builder, signature, arguments, WIDE)
            as_it_is = loop.everywhere(arguments[3])
            with cgutils.for_range(builder, arguments[2]) as each:
                at = builder.mul(each.index, _index(LANES))
                first, second = loop.load(0, at), loop.load(1, at)
                is_hashed = builder.icmp_unsigned("!=", second.value, as_it_is.value)
                found = builder.select(is_hashed, hash_pair(first, second).value, first.value)
                loop.store(Lanes(builder, found), 4, at)
            return context.get_dummy_value()

        return types.void(firsts, seconds, types.int64, types.uint64, hashes), generate

    @intrinsic
    def absorb_lanes(typing_context, hashes, rounds, states):
        """Take `rounds` times eight blocks into eight states, which start as SipHash does: uint64[4, 8]."""

        def generate(context, builder, signature, arguments):
            loop = Loop(context, builder, signature, arguments, WIDE)
            start = [Lanes(builder, ir.Constant(WIDE, [int(sip)] * LANES)) for sip in (SIP_0, SIP_1, SIP_2, SIP_3)]
            state = [loop.variable(lanes) for lanes in start]
            with cgutils.for_range(builder, arguments[1]) as each:
                block = loop.load(0, builder.mul(each.index, _index(LANES)))
                for lanes, variable in zip(absorb(*map(loop.value, state), block), state, strict=True):
                    loop.assign(lanes, variable)
            for number, variable in enumerate(state):
                loop.store(loop.value(variable), 2, _index(number * LANES))
            return context.get_dummy_value()

        return types.void(hashes, types.int64, states), generate

    def _lowering(vectors):
        @intrinsic
        def lower(typing_context, bases, count, multipliers, increments, signature, at):
            """Lower so many vectors of hashes of a signature, from `at` on, to the least over `count` base hashes."""

            def generate(context, builder, signature, arguments):
                loop = Loop(context, builder, signature, arguments, NARROW)
                places = [builder.add(arguments[5], _index(number * HASHES)) for number in range(vectors)]
                factors, terms, lowest = ([loop.load(array, at) for at in places] for array in (2, 3, 4))
                hashes = [loop.variable(lanes) for lanes in lowest]
                with cgutils.for_range(builder, arguments[1]) as each:
                    base = loop.number(0, each.index)
                    for factor, term, variable in zip(factors, terms, hashes, strict=True):
                        loop.assign(loop.value(variable).least(base * factor + term), variable)
                for at, variable in zip(places, hashes, strict=True):
                    loop.store(loop.value(variable), 4, at)
                return context.get_dummy_value()

            return types.void(bases, types.int64, multipliers, increments, signature, types.int64), generate

        return lower


_lower_group, _lower_one = _lowering(GROUP), _lowering(1)


@leaf
def lower(bases, count, multipliers, increments, signature):
    """Lower each hash of `signature` to the least `multiplier * base hash + increment` (mod 2**32)."""
    hashes = signature.shape[0]
    at = 0
    while at + GROUP * HASHES <= hashes:
        _lower_group(bases, count, multipliers, increments, signature, at)
        at += GROUP * HASHES
    while at + HASHES <= hashes:
        _lower_one(bases, count, multipliers, increments, signature, at)
        at += HASHES
    for j in range(at, hashes):
        low = signature[j]
        for i in range(count):
            low = min(low, np.uint32(multipliers[j] * bases[i] + increments[j]))
        signature[j] = low
