"""Ctrl-C is heard, also where a library loses it."""

import signal
import threading
import time
from collections.abc import Iterator

import pytest

from simcore.interrupts import heard


@pytest.fixture(autouse=True)
def as_in_a_terminal() -> Iterator[None]:
    """Answer Ctrl-C as Python does; what was started in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Loses:
    """Loses what comes while it is cleared away, as Python does with every error in a finaliser."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_a_finaliser_loses_comes_again() -> None:
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt), heard(again_after=0.05):
        Loses()
        while time.monotonic() < begin + 60:
            time.sleep(0.01)
    assert time.monotonic() < begin + 60


def test_one_that_is_being_handled_does_not() -> None:
    steps = []
    with pytest.raises(KeyboardInterrupt), heard(again_after=0.02):
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            time.sleep(0.3)  # a long way to a clean state
            steps.append("clean")
    time.sleep(0.1)
    assert steps == ["clean"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert not [thread for thread in threading.enumerate() if thread.name == "ctrl-c" and thread.is_alive()]


def test_a_transaction_ends_first() -> None:
    steps = []
    library: dict = {"__name__": "mlflow.store.fake", "steps": steps, "signal": signal, "time": time}
    exec(
        "def write():\n    steps.append('begin')\n    signal.raise_signal(signal.SIGINT)\n    time.sleep(0.3)\n"
        "    steps.append('end')",
        library,
    )
    with pytest.raises(KeyboardInterrupt), heard(after=("mlflow",)):
        library["write"]()
        time.sleep(10)
        steps.append("gone on")
    assert steps == ["begin", "end"]
    with pytest.raises(KeyboardInterrupt), heard(after=("mlflow",), patience=0.1):
        library["write"]()
    assert steps == ["begin", "end", "begin"]


def test_handlers_of_others_are_left_alone() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with heard():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
