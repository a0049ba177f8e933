from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sdml.errors import UserError
from sdml.tracking.events import Artifact, Event, Metric, Metrics, Start, Tags
from sdml.tracking.spool import Spool

START = Start(uid="u1", experiment="e", name="n", parent=None, tags={"a": "b"}, time=0)


def metric(step: int) -> Metrics:
    return Metrics(values=(Metric(name="m", value=float(step), step=step, time=step),))


@pytest.fixture(autouse=True)
def _close_all() -> Iterator[None]:
    yield
    while made:
        made.pop().close()


made: list[Spool] = []


def create(folder: Path) -> Spool:
    made.append(Spool.create(folder, "http://h", START))
    return made[-1]


def reopen(path: Path) -> Spool:
    made.append(Spool.reopen(path))
    return made[-1]


def everything(spool: Spool) -> list[Event]:
    found: list[Event] = []
    while events := spool.read(7):
        found += events
        spool.advance(len(events))
    return found


def test_events_come_back_in_order_from_another_process(tmp_path: Path) -> None:
    spool = create(tmp_path / "new")
    events: list[Event] = [metric(i) for i in range(20)]
    events.insert(10, Artifact(name="a", data=b"bytes"))
    for event in events:
        spool.append(event)
    assert spool.unsent == 22
    spool.close()
    again = reopen(spool.path)
    assert (again.address, again.start, again.run_id) == ("http://h", START, None)
    assert everything(again) == events
    again.delete()
    assert list((tmp_path / "new").iterdir()) == []


def test_progress_survives_a_kill(tmp_path: Path) -> None:
    spool = create(tmp_path)
    for i in range(5):
        spool.append(metric(i))
    spool.opened("r")
    spool.read(10)
    spool.advance(2)
    spool.advance(1, keep=True)
    spool.append(metric(5))
    spool.close()
    again = reopen(spool.path)
    assert again.run_id == "r"
    assert again.unsent == 4
    assert again.kept() == [(2, metric(2))]
    assert everything(again) == [metric(3), metric(4), metric(5)]
    again.release(2)
    again.close()
    assert reopen(spool.path).unsent == 0


def test_a_torn_line_is_ignored(tmp_path: Path) -> None:
    spool = create(tmp_path)
    spool.append(metric(0))
    spool.close()
    whole = spool.path.read_bytes()
    spool.path.write_bytes(whole + b'{"event":{"kind":"met')
    again = reopen(spool.path)
    again.append(metric(1))
    assert everything(again) == [metric(0), metric(1)]


def test_an_artifact_whose_bytes_are_gone_does_not_block(tmp_path: Path) -> None:
    spool = create(tmp_path)
    spool.append(Artifact(name="a", data=b"bytes"))
    for file in spool.path.with_suffix(".files").iterdir():
        file.unlink()
    assert spool.read(1) == [Tags(values={})]


def test_a_file_in_use_is_not_taken(tmp_path: Path) -> None:
    spool = create(tmp_path)
    with pytest.raises(UserError, match="running process"):
        reopen(spool.path)
    spool.close()
    reopen(spool.path).close()


@pytest.mark.parametrize("content", ["", "x", "[]", "{}", '{"sdml_spool": 2}', '{"a": 1}\n'])
def test_a_foreign_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(content)
    with pytest.raises(UserError, match=r"a\.jsonl"):
        reopen(path)
    with pytest.raises(UserError, match="not there"):
        reopen(tmp_path / "none.jsonl")
    assert path.read_text() == content


def test_the_file_does_not_grow_while_events_are_sent(tmp_path: Path) -> None:
    spool = create(tmp_path)
    spool.opened("r")
    event = Tags(values={"a": "x" * 5000})
    for _ in range(1000):
        spool.append(event)
        assert spool.read(1) == [event]
        spool.advance(1)
    assert spool.path.stat().st_size < 1.1 * 2**20
    spool.append(metric(1))
    spool.close()
    again = reopen(spool.path)
    assert again.run_id == "r"
    assert everything(again) == [metric(1)]


def test_without_a_writable_folder_events_wait_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    spool = create(tmp_path / "file" / "sub")
    assert "cannot be kept" in caplog.text
    for i in range(10_050):
        spool.append(metric(i))
    assert spool.lost == 50
    assert everything(spool) == [metric(i) for i in range(10_000)]


def test_a_full_disk_is_survived(tmp_path: Path) -> None:
    spool = create(tmp_path)
    spool.append(metric(0))
    # A limit on file size is a full disk that needs no root.
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (spool.path.stat().st_size + 40, old[1]))
    try:
        spool.append(metric(1))
        spool.append(metric(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)
    assert spool.unsent == 4
    spool.flush_memory()
    spool.close()
    assert everything(reopen(spool.path)) == [metric(0), metric(1), metric(2)]
