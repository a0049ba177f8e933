"""The unsent events of one run, in one append-only JSONL file.

Every event goes through this file on its way to the server, so a killed process loses none,
memory stays bounded however long a server is down, and a live run and a later ``resend`` read
the same thing. Lines::

    {"sdml_spool": 1, "address": …, "start": {…}}       first
    {"event": {…}}                                      one per event; "file": an artifact's bytes
    {"mark": {"run_id": …, "sent": n, "kept": [i, …], "released": [i, …]}}   progress

A line torn by a kill is ignored. The file is locked (``flock``) while a process uses it. If the
disk refuses a line, events wait in memory instead, up to a limit.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import logging
import shutil
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from io import FileIO
from pathlib import Path
from typing import Any

from sdml.errors import UserError
from sdml.tracking.events import Artifact, Event, Finish, Start, from_record, to_record

logger = logging.getLogger(__name__)

_SCHEMA = 1
_CHUNK = 1 << 20
_COMPACT_ABOVE = 1 << 20
_IN_MEMORY = 10_000


class Spool:
    """See the module. Made by ``create`` or ``reopen``; safe to use from two threads."""

    def __init__(self, path: Path, address: str, start: Start) -> None:
        self.path = path
        self.address = address
        self.start = start
        self.run_id: str | None = None
        self.finished = False
        self.lost = 0
        self._files = path.with_suffix(".files")
        self._file: FileIO | None = None
        self._lock = threading.RLock()
        self._closed = False
        self._header_end = 0
        self._cursor = 0
        self._end = 0
        self._window: deque[tuple[dict[str, Any], int]] = deque()
        self._written = 0
        self._sent = 0
        self._kept: list[int] = []
        self._memory: deque[Event] = deque()

    @classmethod
    def create(cls, folder: Path, address: str, start: Start) -> Spool:
        """A new spool in ``folder``; when that cannot be written, one that lives in memory."""
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(start.time / 1000))
        spool = cls(folder / f"{stamp}-{start.uid}.jsonl", address, start)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            spool._attach()
            spool.path.chmod(0o600)
            spool._write({"sdml_spool": _SCHEMA, "address": address, "start": asdict(start)})
            spool._header_end = spool._cursor = spool._end
        except OSError as error:
            logger.warning(
                "unsent tracking events cannot be kept in %s (%s): "
                "they wait in memory and are lost if the process ends while the server is down",
                folder,
                error.strerror,
            )
            spool._detach()
        return spool

    @classmethod
    def reopen(cls, path: Path) -> Spool:
        """A spool that an earlier process has left.

        Raises:
            UserError: no such file, not a spool, not readable, or a running process uses it.
        """
        if not path.is_file():
            raise UserError(f"PATH must be a file of unsent tracking events, got {path}: not there")
        spool = cls(path, "", Start(uid="", experiment="", name="", parent=None, tags={}, time=0))
        try:
            spool._attach()
            spool._load()
        except OSError as error:
            spool._detach()
            raise UserError(
                f"PATH must be a file that can be read and written, got {path}: {error.strerror}"
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            spool._detach()
            raise UserError(
                f"PATH must be a file of unsent tracking events that SDML wrote, got {path}: "
                f"{type(error).__name__}"
            ) from error
        return spool

    @property
    def waiting(self) -> int:
        """How many events were never tried."""
        with self._lock:
            return self._written - self._sent + len(self._memory)

    @property
    def unsent(self) -> int:
        """How many things the server does not have: events, and the run itself."""
        with self._lock:
            return self.waiting + len(self._kept) + (self.run_id is None)

    def append(self, event: Event) -> None:
        """Add an event; never raises."""
        with self._lock:
            if self._closed:
                return
            if self._file is not None and not self._memory:
                try:
                    self._append(event)
                except OSError as error:
                    logger.warning(
                        "%s cannot be written (%s): tracking events wait in memory",
                        self.path,
                        error.strerror,
                    )
                else:
                    return
            if len(self._memory) < _IN_MEMORY:
                self._memory.append(event)
            else:
                self.lost += 1

    def opened(self, run_id: str) -> None:
        """The server has the run under this id."""
        with self._lock:
            self.run_id = run_id
            if not self._closed:
                self._mark()

    def read(self, limit: int) -> list[Event]:
        """The oldest events that were not tried, at most ``limit``; they stay in the spool."""
        with self._lock:
            if self._closed:
                return []
            if self._written > self._sent:
                self._fill(limit)
                return [self._event(record) for record, _ in self._window][:limit]
            return [event for event, _ in zip(self._memory, range(limit), strict=False)]

    def advance(self, count: int, *, keep: bool = False) -> None:
        """The first ``count`` events of the last ``read`` are dealt with.

        Args:
            count: how many.
            keep: they were refused; set them aside for later.
        """
        with self._lock:
            if self._closed:
                return
            if self._written == self._sent:
                self.lost += count if keep else 0
                for _ in range(count):
                    self._memory.popleft()
                return
            kept = []
            for _ in range(count):
                record, self._cursor = self._window.popleft()
                if keep:
                    kept.append(self._sent)
                elif "file" in record:
                    self._remove(record["file"])
                self._sent += 1
            self._kept += kept
            self._mark(kept=kept)
            self._compact()

    def kept(self) -> list[tuple[int, Event]]:
        """The refused events with their places."""
        with self._lock:
            if self._file is None or not self._kept:
                return []
            wanted = set(self._kept)
            lines = self._all_lines(self._header_end)
            records = (line["event"] for line, _ in lines if "event" in line)
            return [
                (index, self._event(record))
                for index, record in enumerate(records)
                if index in wanted
            ]

    def release(self, index: int) -> None:
        """A refused event was taken after all."""
        with self._lock:
            if not self._closed:
                self._kept.remove(index)
                self._mark(released=[index])

    def flush_memory(self) -> None:
        """Try to bring what waits in memory to the disk; what cannot be brought is lost."""
        with self._lock:
            while self._memory:
                try:
                    if self._file is None:
                        raise OSError(errno.ENOSPC, "no file")
                    self._append(self._memory[0])
                except OSError:
                    self.lost += len(self._memory)
                    self._memory.clear()
                    return
                self._memory.popleft()

    def close(self) -> None:
        """Let go of the file and leave it where it is."""
        with self._lock:
            self._closed = True
            self._detach()

    def delete(self) -> None:
        """Remove the file: everything was sent."""
        with self._lock:
            self._closed = True
            # Unlinked while still locked, so that nobody opens a file that is about to go.
            with contextlib.suppress(OSError):
                self.path.unlink(missing_ok=True)
            shutil.rmtree(self._files, ignore_errors=True)
            self._detach()

    def _append(self, event: Event) -> None:
        record = to_record(event)
        if isinstance(event, Artifact):
            record["file"] = uuid.uuid4().hex
            self._files.mkdir(exist_ok=True, mode=0o700)
            (self._files / record["file"]).write_bytes(event.data)
        self._write({"event": record})
        self._written += 1
        self.finished = self.finished or isinstance(event, Finish)

    def _event(self, record: dict[str, Any]) -> Event:
        fields = dict(record)
        name = fields.pop("file", None)
        if name is None:
            return from_record(fields)
        try:
            return from_record(fields, (self._files / name).read_bytes())
        except FileNotFoundError:
            # Sent just before a kill, and only the mark is missing.
            return from_record({"kind": "tags", "values": {}})

    def _attach(self) -> None:
        self._file = FileIO(self.path, "a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._detach()
            raise UserError(
                f"a running process still sends the events in {self.path}: "
                "wait until it has finished"
            ) from error
        except OSError:
            logger.debug("no file locks in %s", self.path.parent)
        self._end = self.path.stat().st_size

    def _detach(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, line: dict[str, Any]) -> None:
        if self._file is None:
            raise OSError(errno.EBADF, "no file")
        data = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        try:
            if self._file.write(data) != len(data):
                raise OSError(errno.ENOSPC, "no space left")
        except OSError:
            with contextlib.suppress(OSError):
                self._file.truncate(self._end)
            raise
        self._end += len(data)

    def _remove(self, name: str) -> None:
        with contextlib.suppress(OSError):
            (self._files / name).unlink()

    def _mark(self, kept: Sequence[int] = (), released: Sequence[int] = ()) -> None:
        mark = {"run_id": self.run_id, "sent": self._sent, "kept": kept, "released": released}
        # Losing a mark is harmless: the backend takes the same event twice without effect.
        with contextlib.suppress(OSError):
            self._write({"mark": mark})

    def _compact(self) -> None:
        if self._file is None or self._kept or self._sent < self._written:
            return
        if self._end - self._header_end > _COMPACT_ABOVE:
            self._file.truncate(self._header_end)
            self._end = self._cursor = self._header_end
            self._sent = self._written = 0
            self._window.clear()
            self._mark()

    def _fill(self, limit: int) -> None:
        position = self._window[-1][1] if self._window else self._cursor
        if len(self._window) >= limit:
            return
        for line, end in self._lines(position):
            if "event" in line:
                self._window.append((line["event"], end))
                if len(self._window) >= limit:
                    return

    def _lines(self, position: int) -> list[tuple[dict[str, Any], int]]:
        """Whole lines from a byte position on, with the position after each."""
        assert self._file is not None
        self._file.seek(position)
        data = b""
        while b"\n" not in data or len(data) < _CHUNK:
            more = self._file.read(_CHUNK)
            if not more:
                break
            data += more
        lines = []
        for raw in data.splitlines(keepends=True):
            if not raw.endswith(b"\n"):
                break
            position += len(raw)
            lines.append((json.loads(raw), position))
        return lines

    def _all_lines(self, position: int) -> Iterator[tuple[dict[str, Any], int]]:
        while found := self._lines(position):
            yield from found
            position = found[-1][1]

    def _load(self) -> None:
        assert self._file is not None
        lines = list(self._all_lines(0))
        position = lines[-1][1] if lines else 0
        header, self._header_end = lines[0] if lines else ({}, 0)
        if header["sdml_spool"] != _SCHEMA:
            raise ValueError("unknown schema")
        self.address = header["address"]
        self.start = Start(**header["start"])
        # A torn last line goes, or the next one written would be glued to it.
        self._file.truncate(position)
        self._end = position
        for line, _ in lines[1:]:
            if "event" in line:
                self._written += 1
                self.finished = self.finished or line["event"]["kind"] == "finish"
            else:
                mark = line["mark"]
                self.run_id = mark["run_id"] or self.run_id
                self._sent = mark["sent"]
                self._kept = [i for i in self._kept + mark["kept"] if i not in mark["released"]]
        self._cursor = self._header_end
        skipped = 0
        for line, end in lines[1:]:
            if skipped == self._sent:
                break
            self._cursor = end
            skipped += "event" in line
