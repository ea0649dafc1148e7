"""Calls in threads, results in order: the kernels release the GIL, so threads are enough."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
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


def alongside(task: Callable[[], None], other: Callable[[], Result], workers: int, stop: Callable[[], None]) -> Result:
    """Do a task in a thread while another is done in this one, or after it if there is to be one worker only.

    No context manager: a signal between its entry and the block would leave the thread at work.

    Args:
        task: What to do in a thread.
        other: What to do meanwhile; its result is returned when both are done.
        workers: Threads.
        stop: Makes the task fail soon; called if something went wrong, so that Ctrl-C need not wait for its end.
    """
    if workers == 1:
        result = other()
        task()
        return result
    with ThreadPoolExecutor(1) as pool:
        try:
            pending = pool.submit(task)
            result = other()
            pending.result()
        except BaseException:
            stop()
            raise
    return result
