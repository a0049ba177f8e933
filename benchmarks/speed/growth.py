"""How the cost of an evaluation grows: linear in queries, n log n in the gallery, bounded memory.

Each size is a process of its own on all threads; from 400 million scores on it compiles, which is
counted. The ratio is the time that the first line lets expect, by that law, over the time measured:
near 1, the law holds. Few queries of a large gallery come below it: its codes are scaled and looked
through for repeats once, whatever the number of queries.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from benchmarks.speed.evaluation_process import in_a_process
from benchmarks.speed.figure import Figure, Options
from benchmarks.speed.retrieval_inputs import Sizes

SIZES = (
    (2_000, 10_000),
    (500, 10_000),
    (500, 30_000),
    (500, 100_000),
    (2_000, 100_000),
    (100, 1_000_000),
    (200, 1_000_000),
    (1_000, 1_000_000),
)
QUICK_SIZES = ((800, 10_000), (200, 10_000), (200, 30_000), (200, 100_000), (200, 300_000))


def measure(options: Options) -> Iterator[Figure]:
    """A figure a size."""
    first = None
    for queries, gallery in QUICK_SIZES if options.quick else SIZES:
        found = in_a_process(Sizes(queries, gallery, 10), options.threads)
        work = gallery * math.log2(gallery)
        first = first or found["ms_per_query"] / work
        expected = first * work
        yield Figure(
            name=f"{queries:,} queries x {gallery:,}, {options.threads} threads",
            peer="expected by n log n",
            ratios=(expected / found["ms_per_query"],),
            ours=found["ms_per_query"],
            theirs=expected,
            unit="ms/query",
            also={"MiB above the inputs": round(found["peak_mebibytes"])},
        )
