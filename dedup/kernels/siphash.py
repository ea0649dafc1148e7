"""SipHash-2-4 (Aumasson and Bernstein, 2012) of blocks of 64 bits.

No way is known to write a text for a given hash that is faster than trying 2**64. A hash that only multiplies and
shifts is solved like an equation, and a page of gibberish could take the place of an article.

These functions calculate with whatever is given to them: single numbers in kernels, and many at once in `lanes.py`.
"""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

# SipHash's four constants, "somepseudorandomlygeneratedbytes", with the key 0.
SIP_0, SIP_1 = np.uint64(0x736F6D6570736575), np.uint64(0x646F72616E646F6D)
SIP_2, SIP_3 = np.uint64(0x6C7967656E657261), np.uint64(0x7465646279746573)
SIP_END = np.uint64(0xFF)


@register_jitable
def rotate(value, bits):
    """Rotate to the left."""
    return (value << np.uint64(bits)) | (value >> np.uint64(64 - bits))


@register_jitable
def sip_round(a, b, c, d):
    """Mix the state of SipHash once."""
    a = a + b
    b = rotate(b, 13) ^ a
    a = rotate(a, 32)
    c = c + d
    d = rotate(d, 16) ^ c
    a = a + d
    d = rotate(d, 21) ^ a
    c = c + b
    b = rotate(b, 17) ^ c
    c = rotate(c, 32)
    return a, b, c, d


@register_jitable
def absorb(a, b, c, d, block):
    """Take a block of 64 bits into the state."""
    a, b, c, d = sip_round(a, b, c, d ^ block)
    a, b, c, d = sip_round(a, b, c, d)
    return a ^ block, b, c, d


@register_jitable
def digest(a, b, c, d):
    """End, and return the hash."""
    a, b, c, d = sip_round(a, b, c ^ SIP_END, d)
    a, b, c, d = sip_round(a, b, c, d)
    a, b, c, d = sip_round(a, b, c, d)
    a, b, c, d = sip_round(a, b, c, d)
    return a ^ b ^ c ^ d


@register_jitable
def hash_pair(first, second):
    """Hash two blocks: SipHash-2-4 without the length that it ends byte strings with."""
    a, b, c, d = absorb(SIP_0, SIP_1, SIP_2, SIP_3, first)
    a, b, c, d = absorb(a, b, c, d, second)
    return digest(a, b, c, d)
