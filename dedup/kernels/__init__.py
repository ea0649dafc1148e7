"""The compiled inner loops: arrays in, arrays out, nothing decided here.

Every function is numba, compiled for one set of types on first use and cached on disk. Three habits, because numba
punishes their absence silently: integer constants are wrapped (`uint64 + 1` would become int64, and both mixed
float64), tunables and tables are arguments (the cache does not see constants change in another file), and every kernel
has a slow twin in the tests. They release the GIL, so threads scale over batches.
"""
