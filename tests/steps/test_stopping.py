from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from sdml.errors import Interrupted
from sdml.steps.stopping import stop_on_sigterm


def told() -> None:
    """SIGTERM to this process; handled before this returns, or where it is called."""
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture(autouse=True)
def handled() -> Iterator[list[int]]:
    """A handler of before, that must be there again afterwards."""
    seen: list[int] = []

    def handle(number: int, _frame: object) -> None:
        seen.append(number)

    before = signal.signal(signal.SIGTERM, handle)
    yield seen
    assert signal.getsignal(signal.SIGTERM) == handle
    signal.signal(signal.SIGTERM, before)


def test_without_the_signal_nothing_happens() -> None:
    with stop_on_sigterm() as stop:
        assert [stop(), stop()] == [False, False]


def test_whoever_asks_decides_when_to_end() -> None:
    with stop_on_sigterm() as stop:
        assert not stop()
        told()
        told()  # a second one changes nothing
        assert [stop(), stop()] == [True, True]


def test_until_somebody_asks_it_ends_the_block_there() -> None:
    done: list[str] = []

    def work() -> None:
        with stop_on_sigterm():
            try:
                done.append("begun")
                told()
                done.append("ended")
            except Exception:
                done.append("caught")
            finally:
                told()  # not raised again while the block cleans up
                done.append("cleaned")

    with pytest.raises(Interrupted, match="SIGTERM") as caught:
        work()
    assert done == ["begun", "cleaned"]
    assert caught.value.exit_code == 143


def test_a_block_that_swallows_the_end_hears_of_it_when_it_asks() -> None:
    with stop_on_sigterm() as stop:
        with suppress(BaseException):  # as Python does in some callbacks
            told()
        assert stop()


def test_an_error_inside_stays_what_it_is() -> None:
    def work() -> None:
        with stop_on_sigterm() as stop:
            stop()
            told()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()


def test_one_inside_the_other() -> None:
    """A command has one, and the training in it another."""
    with stop_on_sigterm() as outer:
        with stop_on_sigterm() as inner:
            inner()
            told()
            assert inner()
        assert not outer()

    def work() -> None:
        with stop_on_sigterm(), stop_on_sigterm():
            told()

    with pytest.raises(Interrupted):
        work()


def test_other_threads_have_no_handlers(handled: list[int]) -> None:
    asked: list[bool] = []

    def run() -> None:
        with stop_on_sigterm() as stop:
            told()
            asked.append(stop())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert asked == [False]
    assert handled == [signal.SIGTERM]


def test_a_handler_that_python_does_not_know_becomes_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    restored: list[object] = []

    def install(_number: int, handler: object) -> None:
        restored.append(handler)

    monkeypatch.setattr(signal, "signal", install)
    with stop_on_sigterm():
        pass
    assert restored[-1] == signal.SIG_DFL
