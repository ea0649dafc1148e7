"""Calls in threads, results in order: the kernels release the GIL, so threads are enough."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

Result = TypeVar("Result")


def in_order(function: Callable[..., Result], arguments: Iterable[tuple[Any, ...]], workers: int) -> Iterator[Result]:
    """Call a function in threads and yield the results in the order of the arguments, few of them under way at once."""
    if workers == 1:
        yield from itertools.starmap(function, arguments)
        return
    with ThreadPoolExecutor(workers) as pool:
        pending: deque[Future[Result]] = deque()
        try:
            for these in arguments:
                pending.append(pool.submit(function, *these))
                if len(pending) > workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


@contextmanager
def alongside(task: Callable[[], None], workers: int, stop: Callable[[], None]) -> Iterator[None]:
    """Do a task in a thread while the block runs, or after it if there is to be one worker only.

    Whichever way, the task is done when the block is left, unless the block raised.

    Args:
        task: What to do.
        workers: Threads.
        stop: Makes the task fail soon; called if the block raised, so that Ctrl-C need not wait for its end.
    """
    if workers == 1:
        yield
        task()
        return
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(task)
        try:
            yield
        except BaseException:
            stop()
            raise
        pending.result()
