"""Kernels that were compiled once, loaded in half the time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def quick_loading() -> Iterator[None]:
    """Keep numba from getting ready to compile where it only loads what it compiled once.

    Before it looks into its cache it imports all that it can compile, and scipy, to learn whether there is a BLAS: 0.15
    to 0.5 s of every run. It also compiles how objects are counted, which every compiled kernel has in it: 0.03 s. What
    compiles gets ready by itself, so that nothing is missed. And for every function of its own that a kernel calls it
    imports the module that function is from, to have its globals at hand: 0.02 s; but only object mode looks at
    globals, and no kernel here is in it. Only where the process is our own for as long as the block lasts, and only
    with the versions of numba that this was tried with; others take their time.
    """
    import numba
    from llvmlite import binding
    from numba.core import environment
    from numba.core.caching import Cache
    from numba.core.runtime import _nrt_python

    if not (0, 61) <= numba.version_info.short <= (0, 68):
        yield
        return
    for name, address in _nrt_python.c_helpers.items():
        binding.add_symbol(name if name.startswith("_") else f"NRT_{name}", address)

    def load_overload(self: Any, signature: Any, context: Any) -> Any:
        with self._guard_against_spurious_io_errors():
            return self._load_overload(signature, context)

    def rebuilt(module: str, constants: list[Any], name: str) -> Any:
        found = environment.lookup_environment(name)
        if found is None:
            found = environment.Environment({"__name__": module})
            found.consts[:] = constants
            found.env_name = name
            environment.Environment._memo[name] = found
        return found

    usual = Cache.load_overload, environment._rebuild_env
    Cache.load_overload, environment._rebuild_env = load_overload, rebuilt
    try:
        yield
    finally:
        Cache.load_overload, environment._rebuild_env = usual
