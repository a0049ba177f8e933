"""The run, the sender and the spool against a backend that can be switched off."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from sdml.errors import Interrupted, TrackingError
from sdml.tracking.events import Artifact, Finish, Params, Tags
from sdml.tracking.remote import RemoteTracker
from tests.tracking.ledger import Ledger


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.01)


def test_everything_arrives_in_order_and_nothing_is_left(tmp_path: Path) -> None:
    ledger = Ledger()
    with RemoteTracker(ledger, tmp_path).start("e", "n", tags={"a": "b"}) as run:
        run.params({"lambda": 0.5})
        for epoch in range(1500):
            run.metrics({"loss/train": epoch / 2}, epoch)
        run.tag({"t": "1"})
        run.artifact("a.json", b"{}")
    assert ledger.opened[0].tags == {"a": "b"}
    assert ledger.metrics() == [("loss/train", i / 2, i) for i in range(1500)]
    kinds = list(dict.fromkeys(type(event).__name__ for event in ledger.events))
    assert kinds == ["Params", "Metrics", "Tags", "Artifact", "Finish"]
    assert len(ledger.events) < 100
    assert list(tmp_path.iterdir()) == []


def test_a_hanging_server_does_not_hold_the_caller(tmp_path: Path) -> None:
    ledger = Ledger()
    run = RemoteTracker(ledger, tmp_path).start("e", "n")
    ledger.gate.clear()
    for epoch in range(100):
        run.metrics({"a": 1.0}, epoch)
    # Reached with the server still hanging: no call has waited for it.
    assert not ledger.gate.is_set()
    ledger.gate.set()
    assert run.finish() is None
    assert len(ledger.metrics()) == 100


def test_an_outage_is_ridden_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ledger = Ledger()
    run = RemoteTracker(ledger, tmp_path).start("e", "n")
    run.metrics({"a": 1.0}, 1)
    wait_until(lambda: len(ledger.metrics()) == 1)
    ledger.down = True
    run.metrics({"a": 2.0}, 2)
    run.artifact("x", b"1")
    run.metrics({"a": 3.0}, 3)
    wait_until(lambda: "does not take events" in caplog.text)
    ledger.down = False
    assert run.finish() is None
    assert ledger.metrics() == [("a", 1.0, 1), ("a", 2.0, 2), ("a", 3.0, 3)]
    assert caplog.text.count("does not take events") == 1
    assert "takes events again" in caplog.text


def test_what_is_unsent_at_the_end_is_kept_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger()
    run = RemoteTracker(ledger, tmp_path, patience=0.2).start("e", "n")
    ledger.down = True
    run.metrics({"a": 1.0}, 1)
    run.metrics({"a": 2.0}, 2)
    unsent = run.finish("failed")
    assert unsent is not None
    assert unsent.count == 3
    assert unsent.path.parent == tmp_path
    assert run.finish() == unsent
    final = [r for r in caplog.records if "sdml resend" in r.getMessage()]
    assert [r.levelno for r in final] == [logging.WARNING]
    assert f"3 tracking events of run 'n' were not sent to {ledger.address}" in caplog.text
    assert f"sdml resend {unsent.path}" in caplog.text


def test_a_server_that_hangs_at_the_end_does_not_hold_the_process(tmp_path: Path) -> None:
    ledger = Ledger()
    run = RemoteTracker(ledger, tmp_path, patience=0.2).start("e", "n")
    ledger.gate.clear()
    run.metrics({"a": 1.0}, 1)
    unsent = run.finish()
    ledger.gate.set()
    assert unsent is not None
    assert unsent.count == 2


def test_a_server_down_at_the_start_gets_the_run_when_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger()
    ledger.down = True
    run = RemoteTracker(ledger, tmp_path).start("e", "n", tags={"a": "b"})
    assert run.id.startswith("unsent-")
    assert "does not answer" in caplog.text
    run.params({"x": 1})
    ledger.down = False
    assert run.finish() is None
    assert run.id == "run-1"
    assert ledger.opened[0].tags == {"a": "b"}
    assert ledger.events[0] == Params(values={"x": "1"})


def test_a_server_that_refuses_is_an_error_at_once(tmp_path: Path) -> None:
    ledger = Ledger()
    ledger.refuse_opening = True
    with pytest.raises(TrackingError, match="refused: forbidden"):
        RemoteTracker(ledger, tmp_path).start("e", "n")
    assert list(tmp_path.iterdir()) == []


def test_a_refused_event_is_set_aside_and_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger()
    ledger.refused_metrics = {"bad"}
    run = RemoteTracker(ledger, tmp_path).start("e", "n")
    run.metrics({"good": 1.0}, 1)
    run.metrics({"bad": 1.0}, 1)
    run.metrics({"good": 2.0}, 2)
    run.metrics({"bad": 2.0}, 2)
    run.metrics({"good": 3.0}, 3)
    unsent = run.finish()
    assert ledger.metrics() == [("good", 1.0, 1), ("good", 2.0, 2), ("good", 3.0, 3)]
    assert isinstance(ledger.events[-1], Finish)
    assert unsent is not None
    assert unsent.count == 2
    assert caplog.text.count("refused an event (forbidden)") == 1


def test_a_refusal_that_is_mended_before_the_end_leaves_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger()
    ledger.refused_metrics = {"a"}
    run = RemoteTracker(ledger, tmp_path).start("e", "n")
    run.metrics({"a": 1.0}, 1)
    wait_until(lambda: "refused an event" in caplog.text)
    ledger.refused_metrics = set()
    assert run.finish() is None
    assert ledger.metrics() == [("a", 1.0, 1)]


def test_an_injected_run_is_adopted_once_and_only_as_parent(tmp_path: Path) -> None:
    ledger = Ledger()
    ledger.injected = uuid.uuid4().hex
    tracker = RemoteTracker(ledger, tmp_path)
    child = tracker.start("e", "child", parent="run-x")
    parent = tracker.start("e", "parent")
    second = RemoteTracker(ledger, tmp_path).start("e", "other")
    assert parent.id == ledger.injected
    assert child.id != ledger.injected
    assert second.id != ledger.injected
    assert [start.adopt for start in ledger.opened] == [None, ledger.injected, None]
    for run in (child, parent, second):
        assert run.finish() is None


def test_an_injected_run_keeps_its_id_while_the_server_is_down(tmp_path: Path) -> None:
    ledger = Ledger()
    ledger.injected = uuid.uuid4().hex
    ledger.down = True
    run = RemoteTracker(ledger, tmp_path).start("e", "n", tags={"a": "b"})
    assert run.id == ledger.injected
    ledger.down = False
    assert run.finish() is None
    # Opened late, not skipped: that is what sets the tags.
    assert [start.tags for start in ledger.opened] == [{"a": "b"}]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, "finished"),
        (ValueError(), "failed"),
        (KeyboardInterrupt(), "killed"),
        (Interrupted(), "killed"),
    ],
)
def test_the_block_decides_the_status(
    tmp_path: Path, error: BaseException | None, status: str
) -> None:
    ledger = Ledger()

    def block() -> None:
        with RemoteTracker(ledger, tmp_path).start("e", "n"):
            if error is not None:
                raise error

    if error is None:
        block()
    else:
        with pytest.raises(type(error)):
            block()
    assert [e.status for e in ledger.events if isinstance(e, Finish)] == [status]


def test_a_finished_run_takes_nothing_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger()
    run = RemoteTracker(ledger, tmp_path).start("e", "n")
    run.finish()
    run.metrics({"a": 1.0})
    assert ledger.metrics() == []
    assert "has finished" in caplog.text


def test_many_threads_may_log(tmp_path: Path) -> None:
    ledger = Ledger()
    with RemoteTracker(ledger, tmp_path).start("e", "n") as run:

        def log(worker: int) -> None:
            for step in range(100):
                run.metrics({f"w{worker}": float(step)}, step)

        threads = [threading.Thread(target=log, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for worker in range(4):
        values = [value for name, value, _ in ledger.metrics() if name == f"w{worker}"]
        assert values == [float(i) for i in range(100)]


def test_no_sender_thread_is_left(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    run = RemoteTracker(Ledger(), tmp_path).start("e", "n")
    run.tag({"a": "b"})
    run.text("a.txt", "ä")
    run.finish()
    assert set(threading.enumerate()) <= before


def test_text_is_utf8(tmp_path: Path) -> None:
    ledger = Ledger()
    with RemoteTracker(ledger, tmp_path).start("e", "n") as run:
        run.text("a.txt", "ä")
        run.tag({})
        run.metrics({})
        run.params({})
    assert ledger.events[:-1] == [Artifact(name="a.txt", data="ä".encode())]
    assert not [event for event in ledger.events if isinstance(event, Tags)]


def test_a_lookup_while_the_server_is_down_finds_nothing_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger()
    tracker = RemoteTracker(ledger, tmp_path)
    tracker.start("digits", "pipeline", tags={"pipeline_run": "p"}).finish()
    assert [run.name for run in tracker.find("digits", {"pipeline_run": "p"})] == ["pipeline"]
    ledger.down = True
    assert tracker.find("digits", {"pipeline_run": "p"}) == []
    assert "could not be looked up" in caplog.text
