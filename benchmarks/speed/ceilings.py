"""What the machine can do at all: matrix products and copies, measured just before use."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import cache

import torch

_SIDE = 2048
_COPIED = 1 << 28  # bytes: more than any cache holds
_ROUNDS = 7


@cache
def product_rate(threads: int, dtype: torch.dtype = torch.float32) -> float:
    """FLOP a second of a large square matrix product."""
    a = torch.randn(_SIDE, _SIDE).to(dtype)
    b = torch.randn(_SIDE, _SIDE).to(dtype)
    out = torch.empty(_SIDE, _SIDE, dtype=dtype)
    return 2 * _SIDE**3 / _seconds(lambda: torch.mm(a, b, out=out), threads)


@cache
def copy_rate(threads: int) -> float:
    """Bytes a second, those read and those written counted, of a large copy."""
    source = torch.ones(_COPIED, dtype=torch.uint8)
    target = torch.zeros_like(source)
    return 2 * _COPIED / _seconds(lambda: target.copy_(source), threads)


def _seconds(work: Callable[[], object], threads: int) -> float:
    """The median of some runs; the first one warms up."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        seconds = []
        for _ in range(_ROUNDS + 1):
            began = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - began)
    finally:
        torch.set_num_threads(before)
    return statistics.median(seconds[1:])
