"""Ctrl-C that is heard, and at a moment when nothing is left half done by it."""

import _thread
import logging
import signal
import sys
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import FrameType

LOGGER = logging.getLogger(__name__)

_SOON = 0.05


@contextmanager
def heard(*, after: Collection[str] = (), patience: float = 10.0, again_after: float = 2.0) -> Iterator[None]:
    """Raise the `KeyboardInterrupt` of a Ctrl-C where libraries neither lose it nor leave a transaction open by it.

    Python raises it wherever the main thread is just then. In a finaliser, a callback from C or a bare `except` of a
    library it is dropped, and the program goes on as if nobody had pressed a key: where nobody is at work on it and the
    block still runs, it is raised anew. In the middle of a transaction it would leave the database locked: what is
    called from `after` is waited for. Does nothing outside the main thread, and where something else than Python's own
    handler answers the signal.

    Args:
        after: Packages whose calls are to end first.
        patience: Seconds to wait for them at most.
        again_after: Seconds between looks whether the interrupt was lost.

    Example:
        >>> _ = signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it is ignored
        >>> try:
        ...     with heard(again_after=0.05):
        ...         try:
        ...             signal.raise_signal(signal.SIGINT)
        ...         except KeyboardInterrupt:
        ...             pass  # lost
        ...         for _ in range(100):
        ...             time.sleep(0.05)
        ... except KeyboardInterrupt:
        ...     print("heard")
        heard
    """
    main = threading.main_thread()
    if threading.current_thread() is not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    over, pressed, waiting = threading.Event(), threading.Event(), threading.Event()
    since: list[float] = []

    def insist() -> None:
        pressed.wait()
        while not over.wait(_SOON if waiting.is_set() else again_after):
            if waiting.is_set():
                _thread.interrupt_main()
            # An exception; in Python 3.11 its type, value and traceback.
            elif sys._current_exceptions().get(main.ident or 0) in (None, (None, None, None)) and not over.is_set():
                LOGGER.warning("Ctrl-C was not heard; interrupting again.")
                _thread.interrupt_main()

    def interrupt(number: int, frame: FrameType | None) -> None:
        since.append(time.monotonic())
        if _is_inside(frame, after) and since[-1] - since[0] < patience:
            waiting.set()
            pressed.set()
            return
        waiting.clear()
        pressed.set()
        signal.default_int_handler(number, frame)

    insisting = threading.Thread(target=insist, name="ctrl-c", daemon=True)
    insisting.start()
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        if since:  # it was heard: one that is on its way would fall into what handles this one
            signal.signal(signal.SIGINT, lambda *_: None)
        over.set()
        pressed.set()
        insisting.join()
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _is_inside(frame: FrameType | None, packages: Collection[str]) -> bool:
    """Return whether a function of one of the packages has been called and not ended."""
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] in packages:
            return True
        frame = frame.f_back
    return False
