"""Training one modality: steps, agreement, memory, and what else the time of a training goes to.

Each side is a process of its own, by turns: a round is ten steps of each, the first one warms up.
Agreement is that of losses, step by step: of fp32 with the released code's over the first steps,
where the yardstick is the released code with torch's fused Adam against itself as it is.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import torch

from benchmarks.speed.ceilings import product_rate
from benchmarks.speed.figure import Figure, Options, paired
from benchmarks.speed.side_process import Steps, started
from benchmarks.speed.training_costs import costs
from benchmarks.speed.training_sides import CLASSES, SAMPLES, SETTINGS, flop, parameters
from sdml.training.precision import multiplies_bf16

STEPS = 10
DIMENSIONS = {4096: 100, 300: 80}  # features → over how many steps losses are compared
PEERS = {"reference": "the released code's step", "fused": "torch's autograd and fused Adam"}
BARS = {("fp32", "reference"): 1.5, ("fp32", "fused"): 1.0}


def measure(options: Options) -> Iterator[Figure]:
    """See the module."""
    for dimension in DIMENSIONS:
        yield from _steps(dimension, options)
    yield from costs(options)


def _steps(dimension: int, options: Options) -> Iterator[Figure]:
    """Steps of all sides by turns, and their memory."""
    rounds = 4 if options.quick else max(10, DIMENSIONS[dimension] // STEPS)
    names = ("fp32", "bf16", "reference", "fused")
    made: dict[str, list[Steps]] = {name: [] for name in names}
    with ExitStack() as stack:
        sides = {
            name: stack.enter_context(started(name, dimension, options.threads)) for name in names
        }
        for number in range(rounds + 1):
            for name in sorted(names, reverse=number % 2 == 1):
                made[name].append(sides[name].train(STEPS))
        grown = {name: side.grown() for name, side in sides.items()}
    for precision in ("fp32", "bf16"):
        for peer, said in PEERS.items():
            ours, theirs = made[precision][1:], made[peer][1:]
            cpu = [b.cpu / a.cpu for a, b in zip(ours, theirs, strict=True)]
            milliseconds = [1e3 * steps.wall / STEPS for steps in ours]
            yield paired(
                f"{dimension}-d step, {precision}",
                peer=said,
                ours=milliseconds,
                theirs=[1e3 * steps.wall / STEPS for steps in theirs],
                unit="ms",
                bar=_bar(precision, peer, dimension),
                ceiling=_ceiling(dimension, precision, min(milliseconds), options.threads),
                also={"cpu_time_ratio": f"{statistics.median(cpu):.2f}"}
                | (
                    _agreement(made, precision, DIMENSIONS[dimension])
                    if peer == "reference"
                    else {}
                ),
            )
    batch = SETTINGS.batch_size * (dimension + CLASSES)
    state = 4 * (4 * parameters(dimension) + batch) / 2**20
    samples = 4 * SAMPLES * dimension / 2**20
    for precision in ("fp32", "bf16"):
        yield Figure(
            name=f"{dimension}-d memory above the samples, {precision}",
            peer=PEERS["reference"],
            ratios=((grown["reference"] - samples) / (grown[precision] - samples),),
            ours=grown[precision] - samples,
            theirs=grown["reference"] - samples,
            unit="MiB",
            also={"weights, gradients, moments and a batch": f"{state:.0f} MiB"},
        )


def _bar(precision: str, peer: str, dimension: int) -> float | None:
    if precision == "bf16":
        amx = peer == "reference" and dimension == 4096 and multiplies_bf16(frozenset({"amx_bf16"}))
        return 2.3 if amx else None
    return BARS[precision, peer]


def _ceiling(dimension: int, precision: str, milliseconds: float, threads: int) -> float:
    """The share of a step that its matrix products would need at the rate of a large one."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    return 1e3 * flop(dimension) / product_rate(threads, dtype) / milliseconds


def _agreement(made: Mapping[str, list[Steps]], precision: str, steps: int) -> dict[str, str]:
    """The largest relative difference of losses to the released code's."""
    losses = {name: [x for part in parts for x in part.losses] for name, parts in made.items()}
    compared = min(steps, len(losses["reference"]))

    def difference(name: str) -> str:
        pairs = zip(losses[name][:compared], losses["reference"][:compared], strict=True)
        return f"{max(abs(loss - expected) / expected for loss, expected in pairs):.1e}"

    return {
        f"loss_difference_in_{compared}_steps": difference(precision),
        "yardstick": difference("fused"),
    }
