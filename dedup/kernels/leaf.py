"""How functions are compiled that only kernels call, and that only read and write what they are given.

They count no references: with counting, each call would raise and lower those of all its arrays, atomically, and a pass
over text would take twice as long (measured).
"""

from __future__ import annotations

from numba import njit

leaf = njit(cache=True, nogil=True, _nrt=False)

# Called so often, and with so much to hand over, that it is written into its callers before they are compiled.
inlined = njit(cache=True, nogil=True, _nrt=False, inline="always")
