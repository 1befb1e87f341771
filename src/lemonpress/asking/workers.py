"""Threads that ask and store: what they have asked is paid, so it is waited for."""

import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from lemonpress.asking.chat import StoppedError

_TELL = 0.5  # seconds of waiting after which a line says what is waited for
_T = TypeVar("_T")


class Workers:
    """Threads that ask and store; see `answers.Answers.workers`.

    Attributes:
        stop: Set when nothing more is to be asked.

    Args:
        count: Of the threads.
    """

    def __init__(self, count: int) -> None:
        self.stop = threading.Event()
        self._pool = ThreadPoolExecutor(count)
        self._busy = 0
        self._changed = threading.Condition()

    def submit(self, do: Callable[[], _T]) -> "Future[_T]":
        """Have something done; its outcome is a `StoppedError` where `stop` is set before it begins."""
        return self._pool.submit(self._done, do)

    def end(self) -> None:
        """Begin nothing more, and return when what is under way has ended.

        Interrupts do not cut this short. Where there were some, `KeyboardInterrupt` is raised at the end.
        """
        interrupt, told = None, False
        while True:
            try:
                self.stop.set()
                self._pool.shutdown(wait=False, cancel_futures=True)
                # Not by joining threads: Python 3.11 takes those for dead whose join was interrupted.
                with self._changed:
                    while not self._changed.wait_for(lambda: not self._busy, None if told else _TELL):
                        told = True
                        print(_waiting(self._busy), file=sys.stderr, flush=True)
                break
            except KeyboardInterrupt as error:
                interrupt = error
        if interrupt is not None:
            raise interrupt

    def _done(self, do: Callable[[], _T]) -> _T:
        with self._changed:
            self._busy += 1
        try:
            if self.stop.is_set():
                raise StoppedError
            return do()
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()


def _waiting(count: int) -> str:
    answers = "1 answer" if count == 1 else f"{count} answers"
    return f"waiting for {answers} under way, to be stored; whoever kills this program may pay them twice"
