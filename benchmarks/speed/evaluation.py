"""Evaluation of one direction, against the released code's way and against numpy's argsort.

Each side starts from the codes and gives AP over the whole ranking and AP@50; numpy's and sdml's
also the curves, the latter once with numpy alone and once compiled (by the extra ``fast``; its
compilation, some seconds, is not counted). All are held to one thread and compared by CPU time a
query: on a quiet machine that is the time one waits. The peers take a slice of the queries against
the whole gallery, sdml all of them (``--quick``: a sixteenth of the two large cases). The ceiling
is the float32 product alone. Time on all threads and memory are those of a process of its own.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from benchmarks.speed.evaluation_process import in_a_process
from benchmarks.speed.figure import Figure, Options, paired
from benchmarks.speed.reference_evaluation import multi_label, plain_numpy, single_label
from benchmarks.speed.retrieval_inputs import Inputs, Sizes, made_inputs
from benchmarks.speed.rounds import Times, by_turns
from sdml.retrieval import Protocol, RetrievalScores, cosine_representation, score
from sdml.retrieval.compiled import compiled_kernel

CASES = {
    "462 x 462, 10 classes": Sizes(462, 462, 10),
    "23,661 x 23,661, 10 classes": Sizes(23_661, 23_661, 10),
    "30,137 x 30,137, 80 labels": Sizes(30_137, 30_137, 80, labels=3),
}
RELEASED_BARS = (12.0, 25.0, 30.0)
NUMPY_BAR = 2.2
PEERS = {"released": "the released code's way", "numpy": "numpy's argsort"}
DEPTH = 50
_SLICE = 48  # queries of the peers where there are many
_QUICK_SHARE = 16


def measure(options: Options) -> Iterator[Figure]:
    """Three collections' shapes: figures against both peers, then all threads and memory."""
    for (name, sizes), bar in zip(CASES.items(), RELEASED_BARS, strict=True):
        many = sizes.queries > 1000
        if options.quick and many:
            sizes = replace(sizes, queries=-(-sizes.queries // _QUICK_SHARE))
        rounds = (3 if options.quick else 5) if many else 25
        with threadpool_limits(1):
            yield from _speed(name, sizes, rounds, bar)
        own = in_a_process(sizes, options.threads)
        yield Figure(
            name=f"{name}, {options.threads} threads",
            peer="",
            ratios=(),
            ours=own["ms_per_query"],
            theirs=float("nan"),
            unit="ms/query",
            also={"MiB above the inputs": round(own["peak_mebibytes"])},
        )


def _speed(name: str, sizes: Sizes, rounds: int, bar: float) -> Iterator[Figure]:
    inputs = made_inputs(sizes)
    few = sizes.queries if sizes.queries < 1000 else _SLICE
    some = inputs.query_QK[:few], inputs.gallery_GK, inputs.query_labels[:few]
    released = multi_label if sizes.labels > 1 else single_label

    def theirs() -> list[list[float]]:
        return released(*some, inputs.gallery_labels, (0, DEPTH))

    ways: dict[str, Callable[[], object]] = {
        "released": theirs,
        "numpy": lambda: plain_numpy(*some, inputs.gallery_labels, DEPTH),
        "sdml": lambda: evaluated(inputs, compiled=False),
    }
    if sizes.gallery > 1000 and compiled_kernel() is not None:
        ways["sdml, compiled"] = lambda: evaluated(inputs, compiled=True)
    times = by_turns(ways, rounds)
    differences = _differences(theirs(), evaluated(inputs, compiled=False))
    product = _product_ms(inputs)
    for way in ways:
        if not way.startswith("sdml"):
            continue
        own = _ms(times[way], sizes.queries)
        for peer, least in (("released", bar), ("numpy", NUMPY_BAR)):
            yield paired(
                f"{name}{way.removeprefix('sdml')}, 1 thread",
                peer=PEERS[peer],
                ours=own,
                theirs=_ms(times[peer], few),
                unit="ms/query",
                bar=least,
                ceiling=product / statistics.median(own),
                also=differences if peer == "released" else None,
            )


def evaluated(inputs: Inputs, *, compiled: bool) -> RetrievalScores:
    """Everything sdml computes for one direction, from the codes on, in one thread."""
    return score(
        cosine_representation(inputs.query_QK),
        cosine_representation(inputs.gallery_GK),
        inputs.query_labels,
        inputs.gallery_labels,
        Protocol.reference(DEPTH, multi_label=inputs.query_labels.ndim == 2),
        threads=1,
        compiled=compiled,
    )


def _ms(times: Times, queries: int) -> list[float]:
    return [1e3 * seconds / queries for seconds in times.cpu]


def _product_ms(inputs: Inputs, rows: int = 1024) -> float:
    """CPU time a query of the matrix product alone, in the best of three."""
    few_RK = inputs.query_QK[:rows]
    room_RG = np.empty((len(few_RK), len(inputs.gallery_GK)), dtype=np.float32)
    return 1e3 * min(
        _cpu(lambda: np.matmul(few_RK, inputs.gallery_GK.T, out=room_RG)) / len(few_RK)
        for _ in range(3)
    )


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _differences(theirs: list[list[float]], scores: RetrievalScores) -> dict[str, str]:
    """How far the APs are from those of the released way, whose scores are float64."""
    if len(scores.ap_Q) < len(theirs[0]):
        raise ValueError("the peer scored more queries than sdml")
    few = min(len(scores.ap_Q), max(len(values) for values in theirs))
    largest = []
    for values, ap_Q, counted_Q in (
        (theirs[0], scores.ap_Q, scores.counted_Q),
        (theirs[1], scores.ap_at_k_Q, scores.counted_at_k_Q),
    ):
        own = ap_Q[counted_Q][: len(values)]
        largest.append(float(np.abs(own - np.array(values)).max(initial=0)))
    mean = abs(float(np.mean(theirs[0])) - float(np.mean(scores.ap_Q[scores.counted_Q][:few])))
    return {"largest difference of an AP": f"{max(largest):.0e}", "of their mean": f"{mean:.0e}"}
