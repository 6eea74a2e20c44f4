"""Work that mostly waits, done ahead by threads: results come in order, and only so much is held."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def _nothing(_: object) -> int:
    return 0


def ahead(
    do: Callable[[T], R], items: Iterable[T], threads: int, weigh: Callable[[T], int] = _nothing, most: int = 1
) -> Iterator[R]:
    """`do` of each item, in order, by so many threads.

    What is under way, and done but not yet taken, weighs no more than `most`, unless it is a single item.
    """
    weights: deque[int] = deque()
    results: deque[Future[R]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                weight = weigh(item)
                while results and (len(results) >= threads or sum(weights) + weight > most):
                    weights.popleft()
                    yield results.popleft().result()
                weights.append(weight)
                results.append(pool.submit(do, item))
            while results:
                yield results.popleft().result()
        finally:
            # Whoever takes no more, or was interrupted, must not wait for what is not begun.
            pool.shutdown(wait=False, cancel_futures=True)
