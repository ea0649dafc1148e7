"""Calls in threads, results in order: the kernels release the GIL, so threads are enough."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar, cast

Result = TypeVar("Result")

AHEAD = 3
"""Items that are made while one is used: with one, each thread would wait for the other to wake up."""


def in_order(function: Callable[..., Result], arguments: Iterable[tuple[Any, ...]], workers: int) -> Iterator[Result]:
    """Call a function in threads and yield the results in the order of the arguments, few of them under way at once.

    The calling thread is one of the workers: instead of waiting for a result, it makes a call that nobody has begun.
    Every further thread would only wait for the GIL and wake others, thousands of times a second.
    """
    if workers == 1:
        yield from itertools.starmap(function, arguments)
        return
    waiting: deque[tuple[Future[Result], tuple[Any, ...]]] = deque()
    pending: deque[Future[Result]] = deque()

    def make_a_call() -> bool:
        """Make the first call that nobody has begun; say whether there was one."""
        try:
            future, these = waiting.popleft()
        except IndexError:
            return False
        try:
            future.set_result(function(*these))
        except BaseException as error:
            future.set_exception(error)
            if not isinstance(error, Exception):
                # Ctrl-C is no result of the call, and is heard at once.
                raise
        return True

    def first() -> Result:
        while not pending[0].done() and make_a_call():
            pass
        return pending.popleft().result()

    with ThreadPoolExecutor(workers - 1) as pool:
        try:
            for these in arguments:
                pending.append(Future())
                waiting.append((pending[-1], these))
                pool.submit(make_a_call)
                # Two a worker: with one, a thread that is done would wait while the caller makes a call.
                if len(pending) > 2 * workers:
                    yield first()
            while pending:
                yield first()
        finally:
            waiting.clear()


def ahead(items: Iterator[Result], workers: int) -> Iterator[Result]:
    """Yield items that are made in a thread while those before are used; in this thread if there is to be one only."""
    if workers == 1:
        yield from items
        return
    none_left = object()
    with ThreadPoolExecutor(1) as pool:
        coming = deque(pool.submit(next, items, none_left) for _ in range(AHEAD))
        while (item := coming.popleft().result()) is not none_left:
            coming.append(pool.submit(next, items, none_left))
            yield cast(Result, item)


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
