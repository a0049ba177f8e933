"""A training step on a GPU: the recorded step against the released code's eager one, and the floor.

Yields nothing, and says why, where there is no GPU. Both sides train in this process on the same
device, by turns; a round waits for the device once on our side, after each step on the other's,
which reads its loss. The floor of a step is the longer of two times: parameters, gradients and
Adam's moments through memory once, and the matrix products at the device's own measured rate.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

import torch

from benchmarks.speed.figure import Figure, Options, paired
from benchmarks.speed.rounds import by_turns
from benchmarks.speed.training_sides import Step, flop, ours, parameters, reference

STEPS = 100
_SIDE = 8192
_COPIED = 1 << 30  # bytes
_TOUCHED = 4 * 10  # bytes a parameter: W, m, v read and written; W read twice, its gradient both


def measure(options: Options) -> Iterator[Figure]:
    """See the module."""
    if not torch.cuda.is_available():
        print("  no CUDA device here: nothing is measured", flush=True)
        return
    name = torch.cuda.get_device_name()
    bytes_a_second = _copy_rate()
    for dimension in (4096, 300):
        for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
            sides = {
                "ours": _waited(ours(dimension, precision=precision, device="cuda")),  # type: ignore[arg-type]
                "theirs": _waited(reference(dimension, device="cuda")),
            }
            times = by_turns(sides, 3 if options.quick else 10)
            milliseconds = {side: [1e3 * t / STEPS for t in times[side].wall] for side in sides}
            floor = 1e3 * max(
                parameters(dimension) * _TOUCHED / bytes_a_second,
                flop(dimension) / _product_rate(dtype),
            )
            yield paired(
                f"{dimension}-d step, {precision}, {name}",
                peer="the released code's step on it",
                ours=milliseconds["ours"],
                theirs=milliseconds["theirs"],
                unit="ms",
                bar=6 if dimension == 4096 and precision == "fp32" else None,
                ceiling=floor / statistics.median(milliseconds["ours"]),
                also={"floor": f"{floor:.3f} ms", "tf32": torch.backends.cuda.matmul.allow_tf32},
            )


def _waited(step: Step) -> Callable[[], None]:
    """A round of steps, until the device is done."""

    def run() -> None:
        for _ in range(STEPS):
            step()
        torch.cuda.synchronize()

    return run


def _product_rate(dtype: torch.dtype) -> float:
    """FLOP a second of a large product on the device."""
    a, b = (torch.randn(_SIDE, _SIDE, device="cuda").to(dtype) for _ in range(2))
    return 2 * _SIDE**3 / _seconds(lambda: torch.mm(a, b))


def _copy_rate() -> float:
    """Bytes a second of a large copy on the device, those read and those written counted."""
    source = torch.ones(_COPIED, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    return 2 * _COPIED / _seconds(lambda: target.copy_(source))


def _seconds(work: Callable[[], object]) -> float:
    """The median of some runs; the first ones warm up."""
    seconds = []
    for _ in range(8):
        torch.cuda.synchronize()
        began = time.perf_counter()
        work()
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[3:])
