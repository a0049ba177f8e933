"""Sorting the rows of a matrix of whole numbers, quickly on every processor.

numpy sorts plain numbers with vector instructions, in ninety microseconds for twenty thousand.
On AMD's processors with AVX-512 it takes five times as long, because its partition step stores
compressed vectors to memory, which is microcode there. Its networks for short rows, and its radix
sort of 16-bit numbers, are quick everywhere. So there a row is brought into rough order by 16
bits of its scores, and neighbours are put in order after that. The result is checked; a row for
which that was not enough (most of its scores lie close together) is sorted in the plain way.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

_SHORT = 2048  # rows up to here are sorted in the plain way
_RUN = 256  # neighbours sorted at a time: numpy's networks reach to 512
_STEPS = 65_534.0


def compress_is_slow() -> bool:
    """Whether numpy sorts by instructions that this processor has only as microcode."""
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    core = getattr(np, "_core", None)
    features = getattr(getattr(core, "_multiarray_umath", None), "__cpu_features__", {})
    wide = features.get("X86_V4") or features.get("AVX512_SKX")
    return bool(wide and capabilities.get("sse4a"))  # only AMD has SSE4a


COMPRESS_IS_SLOW = compress_is_slow()


def sorted_rows(
    keys_RG: np.ndarray, scores_RG: np.ndarray, *, in_steps: bool = COMPRESS_IS_SLOW
) -> np.ndarray:
    """The keys of each row in rising order, as a new array.

    ``scores_RG`` are finite float32 numbers that fall as the keys rise; only the time needed
    depends on them, and ``in_steps`` says whether they are made use of.
    """
    rows, gallery = keys_RG.shape
    if not in_steps or gallery <= _SHORT:
        return np.sort(keys_RG, axis=1)
    high, low = float(scores_RG.max()), float(scores_RG.min())
    steps_RG = np.subtract(np.float32(high), scores_RG)
    steps_RG *= np.float32(_STEPS / max(high - low, 1e-30))
    coarse_RG = steps_RG.astype(np.uint16)
    width = -(-gallery // _RUN) * _RUN
    sorted_RW = np.empty((rows, width), dtype=keys_RG.dtype)
    sorted_RW[:, gallery:] = np.iinfo(keys_RG.dtype).max
    for row in range(rows):
        order_G = np.argsort(coarse_RG[row], kind="stable")  # a row's order stays in the cache
        np.take(keys_RG[row], order_G, out=sorted_RW[row, :gallery], mode="clip")
    sorted_RW.reshape(rows, -1, _RUN).sort(axis=2)
    # A view: splitting the last axis copies nothing.
    sorted_RW[:, _RUN // 2 : -_RUN // 2].reshape(rows, -1, _RUN).sort(axis=2)
    sorted_RG = sorted_RW[:, :gallery]
    unfinished_R = (sorted_RG[:, 1:] < sorted_RG[:, :-1]).any(axis=1)
    for row in np.flatnonzero(unfinished_R).tolist():
        sorted_RG[row] = np.sort(keys_RG[row])
    return sorted_RG
