"""Samples that are read from their file while the step before is computed.

A thread of its own fills a few buffers with a batch each. It announces to the disk the rows of the
next batches that have a buffer, sorted, and copies them at once: what is announced long before it
is copied may have left the page cache again, where memory is short, and is then waited for row by
row. So no more are announced together than keep a disk busy. Which rows a batch has, and in which
order, is the caller's business: how much memory there is decides nothing but how soon they are
there.

Letters: N samples, D features, B samples in a batch.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

_Rows = npt.NDArray[np.intp]
_Floats = npt.NDArray[np.float32]

_READY_BYTES = 1 << 25  # of batches that wait, or are on their way from the disk
_FEWEST, _MOST = 3, 32  # buffers
_TOGETHER = 400  # rows that are announced at once, unless one batch has more


class RowSource(Protocol):
    """Where rows come from: a :class:`~sdml.rowfile.RowFile`, or memory of the host."""

    shape: tuple[int, int]

    def announce(self, rows_B: _Rows) -> None:
        """Say which rows are wanted soon."""

    def read(self, rows_B: _Rows, out_BD: _Floats) -> None:
        """Copy rows, in that order."""

    def block(self, start: int, out_BD: _Floats) -> None:
        """Copy rows that follow each other."""


class RowArray:
    """An array in the host's memory, for a device that has no room for it."""

    def __init__(self, features_ND: _Floats) -> None:
        self.shape = (features_ND.shape[0], features_ND.shape[1])
        self._features_ND = features_ND

    def announce(self, rows_B: _Rows) -> None:
        """They are here."""

    def read(self, rows_B: _Rows, out_BD: _Floats) -> None:
        """Copy rows, in that order."""
        np.take(self._features_ND, rows_B, axis=0, out=out_BD)

    def block(self, start: int, out_BD: _Floats) -> None:
        """Copy rows that follow each other."""
        out_BD[:] = self._features_ND[start : start + len(out_BD)]


def stream(
    source: RowSource, order_N: _Rows | None, starts: range, end: int, device: torch.device
) -> Generator[Tensor]:
    """The features of one batch after the other, (B, D); the next overwrites those of the last.

    Args:
        source: where rows come from.
        order_N: the order of the samples; None is that of the source.
        starts: where in that order each batch begins.
        end: where the last one ends.
        device: where the features go.
    """
    batches = [slice(start, min(start + starts.step, end)) for start in starts]
    if not batches:
        return
    size, width = batches[0].stop - batches[0].start, source.shape[1]
    count = max(_FEWEST, min(_MOST, _READY_BYTES // (4 * size * width), len(batches)))
    pinned = device.type == "cuda"
    buffers = [torch.empty((size, width), pin_memory=pinned) for _ in range(count)]
    reader = _Reader(source, order_N, batches, [buffer.numpy() for buffer in buffers])
    placed_BD = torch.empty((size, width), device=device) if pinned else None
    try:
        for number, batch in enumerate(batches):
            rows_BD = buffers[reader.wait(number)][: batch.stop - batch.start]
            if placed_BD is None:
                yield rows_BD
                reader.free(number)
            else:
                # In the order of the device's work, so a step still reads the last batch.
                target_BD = placed_BD[: len(rows_BD)]
                target_BD.copy_(rows_BD, non_blocking=True)
                copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
                copied.record()
                reader.free(number, copied)
                yield target_BD
    finally:
        reader.end()


class _Reader:
    """The thread that fills buffers, in turns, and what it and the consumer tell each other."""

    def __init__(
        self,
        source: RowSource,
        order_N: _Rows | None,
        batches: Sequence[slice],
        buffers: Sequence[_Floats],
    ) -> None:
        self._source, self._order_N = source, order_N
        self._batches, self._buffers = batches, buffers
        self._together = max(1, _TOGETHER // max(1, batches[0].stop - batches[0].start))
        self._free: SimpleQueue[torch.cuda.Event | None] = SimpleQueue()
        self._ready: SimpleQueue[BaseException | None] = SimpleQueue()
        self._ended = Event()
        for _ in buffers:
            self._free.put(None)
        self._thread = Thread(target=self._run, name="sdml-samples", daemon=True)
        self._thread.start()

    def wait(self, number: int) -> int:
        """The buffer that holds batch ``number``, once it does; what failed there fails here."""
        failed = self._ready.get()
        if failed is not None:
            raise failed
        return number % len(self._buffers)

    def free(self, number: int, copied: torch.cuda.Event | None = None) -> None:  # noqa: ARG002
        """Batch ``number`` is needed no longer, as soon as ``copied`` has happened."""
        self._free.put(copied)

    def end(self) -> None:
        """Stop reading."""
        self._ended.set()
        self._free.put(None)
        self._thread.join()

    def _run(self) -> None:
        number = 0
        try:
            while number < len(self._batches):
                free = self._next_free()
                if self._ended.is_set():
                    return
                together = self._batches[number : number + len(free)]
                if self._order_N is not None:
                    rows = self._order_N[together[0].start : together[-1].stop]
                    self._source.announce(rows)
                for batch, copied in zip(together, free, strict=False):
                    if self._ended.is_set():
                        return
                    if copied is not None:
                        copied.synchronize()
                    self._fill(number, batch)
                    number += 1
        except BaseException as error:  # to be raised where the batches are used
            self._ready.put(error)

    def _next_free(self) -> list[torch.cuda.Event | None]:
        """Wait until a buffer is free; then all that are, up to as many as are read together."""
        free = [self._free.get()]
        with suppress(Empty):
            while len(free) < self._together:
                free.append(self._free.get_nowait())
        return free

    def _fill(self, number: int, batch: slice) -> None:
        out_BD = self._buffers[number % len(self._buffers)][: batch.stop - batch.start]
        if self._order_N is None:
            self._source.block(batch.start, out_BD)
        else:
            self._source.read(self._order_N[batch], out_BD)
        self._ready.put(None)
