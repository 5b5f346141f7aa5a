"""The same done to many things, several at a time, until the user ends it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def each(
    work: Callable[[_Item], _Result], items: Iterable[_Item], *, at_once: int, name: str, stop: threading.Event
) -> list[_Result]:
    """What the work makes of each item, in their order.

    Args:
        work: done to one item, in a thread.
        items: what it is done to.
        at_once: threads.
        name: of the threads.
        stop: set where anything is raised, Ctrl-C too, so that work that has begun ends soon.
    """
    executor = ThreadPoolExecutor(at_once, thread_name_prefix=name)
    try:
        return list(executor.map(work, items))
    except BaseException:
        stop.set()
        raise
    finally:
        executor.shutdown(cancel_futures=True)
