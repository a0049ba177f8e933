"""SIGTERM: Kubernetes tells a pod to end, and kills it when the grace period is over.

Python does nothing about the signal by itself: the process dies where it stands, and as process 1
of a container it does not even die, but is killed when the time is over.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from sdml.errors import Interrupted


class _EndHere(BaseException):
    """Raised wherever the process stands; no ``except Exception`` on the way out takes it."""


@contextmanager
def stop_on_sigterm() -> Iterator[Callable[[], bool]]:
    """Let SIGTERM end what runs inside, in good order; the handler of before comes back after it.

    The yielded function says whether SIGTERM has come. Until it is asked for the first time
    nobody looks after the signal, and it ends the block at once, wherever that stands. From then
    on the asker decides when to end; a block that ends by itself has not been interrupted. All
    further signals change nothing.

    Only the main thread can have a handler: in any other, the signal is not noticed.

    Raises:
        Interrupted: the signal came before the yielded function was asked.
    """
    come = asked = False

    def stop() -> bool:
        nonlocal asked
        asked = True
        return come

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal come
        first, come = not come, True
        if first and not asked:
            raise _EndHere

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    former = signal.signal(signal.SIGTERM, handle)
    try:
        yield stop
    except _EndHere:
        raise Interrupted(
            "ended by SIGTERM before there was anything to keep: start again"
        ) from None
    finally:
        # None is a handler that was not installed from Python
        signal.signal(signal.SIGTERM, signal.SIG_DFL if former is None else former)
