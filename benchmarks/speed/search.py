"""Exact search in a memory-mapped gallery against faiss, and what an index costs and finds.

faiss ``IndexFlatIP`` reads a float32 copy in memory that was built beforehand; sdml reads the .npy
file, float32 or float16, from the page cache. Both use the same threads. sdml's order is that of
exact float64 scores, with ties in gallery order; ``same hits`` is the share of faiss's hits that
stand in the same place. Few queries are also searched compiled (by the extra ``fast``; the
compilation, about a second, is not in the figure). ``--quick`` takes a gallery of a hundred
thousand, else it has a million codes: 2 GiB for each side. The index is the HNSW of ``sdml search
--index hnsw``.
"""

from __future__ import annotations

import importlib.util
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import faiss
import numpy as np
import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from benchmarks.speed.figure import Figure, Options, paired
from benchmarks.speed.retrieval_inputs import WIDTH
from benchmarks.speed.rounds import by_turns
from sdml.retrieval import search, squared_lengths
from sdml.retrieval.compiled_products import MOST_QUERIES
from sdml.steps.index import Hnsw, recall

CLASSES = 100
QUERIES = (1, 4, 8, 64, 1000)
TOP = 10
BAR = 0.8
_ROWS = 50_000  # made at a time
_INDEXED = {True: 20_000, False: 200_000}  # codes of the index, by ``quick``


def measure(options: Options) -> Iterator[Figure]:
    """Each number of queries and each type of gallery; then the index."""
    items = 100_000 if options.quick else 1_000_000
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(options.threads)
        faiss.omp_set_num_threads(options.threads)
        with tempfile.TemporaryDirectory() as folder, threadpool_limits(options.threads):
            write_inputs(Path(folder), items)
            yield from _exact(Path(folder), items, options)
            yield _index(Path(folder), _INDEXED[options.quick], options)
    finally:
        torch.set_num_threads(threads)


def write_inputs(folder: Path, items: int) -> None:
    """Unit codes around class directions; the gallery also rounded to float16."""
    rng = np.random.default_rng(0)
    directions_CK = np.linalg.qr(rng.standard_normal((WIDTH, CLASSES)))[0].T.astype(np.float32)

    def codes(rows: int) -> np.ndarray:
        rows_NK: np.ndarray = 0.06 * rng.standard_normal((rows, WIDTH), dtype=np.float32)
        rows_NK += directions_CK[rng.integers(0, CLASSES, rows)]
        rows_NK /= np.linalg.norm(rows_NK, axis=1, keepdims=True)
        return rows_NK

    np.save(folder / "queries.npy", codes(max(QUERIES)))
    wide_NK, half_NK = (
        np.lib.format.open_memmap(
            folder / f"{name}.npy", mode="w+", dtype=name, shape=(items, WIDTH)
        )
        for name in ("float32", "float16")
    )
    for start in range(0, items, _ROWS):
        some = slice(start, start + _ROWS)
        wide_NK[some] = codes(len(wide_NK[some]))
        half_NK[some] = wide_NK[some]


def _exact(folder: Path, items: int, options: Options) -> Iterator[Figure]:
    galleries = {
        name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("float32", "float16")
    }
    flat = faiss.IndexFlatIP(WIDTH)
    flat.add(galleries["float32"])
    all_QK = np.load(folder / "queries.npy")
    squares_G = {name: squared_lengths(gallery_GK) for name, gallery_GK in galleries.items()}
    for queries in QUERIES:
        query_QK = all_QK[:queries]
        ways = {
            name: partial(
                search, query_QK, gallery_GK, TOP, threads=options.threads, compiled=False
            )
            for name, gallery_GK in galleries.items()
        }
        if queries == 1:  # as faiss, which is given unit vectors
            ways |= {
                f"{name}, lengths known": partial(ways[name], squares_G=squares_G[name])
                for name in galleries
            }
        if queries <= MOST_QUERIES and importlib.util.find_spec("numba") is not None:
            ways |= {f"{name}, compiled": partial(ways[name], compiled=True) for name in galleries}
        rounds = (5 if options.quick else 7) * (3 if queries == 1 else 1)
        times = by_turns({"faiss": partial(flat.search, query_QK, TOP), **ways}, rounds)
        theirs = flat.search(query_QK, TOP)[1]
        for name, way in ways.items():
            same = float((way().indices_QT == theirs).mean())
            yield paired(
                f"{queries} of {items:,} {name}, {options.threads} threads",
                peer="faiss IndexFlatIP",
                ours=[1e3 * seconds / queries for seconds in times[name].wall],
                theirs=[1e3 * seconds / queries for seconds in times["faiss"].wall],
                unit="ms/query",
                bar=BAR,
                also={
                    "ratio of CPU time": round(
                        float(np.median(np.divide(times["faiss"].cpu, times[name].cpu))), 2
                    ),
                    "same hits": f"{same:.2%}",
                },
            )


def _index(folder: Path, items: int, options: Options) -> Figure:
    gallery_GK = np.load(folder / "float32.npy", mmap_mode="r")[:items]
    query_QK = np.load(folder / "queries.npy")[:200]
    began = time.perf_counter()
    index = Hnsw(gallery_GK)
    built = time.perf_counter() - began
    ways = {
        "exact": partial(search, query_QK, gallery_GK, TOP, threads=options.threads),
        "index": partial(index.search, query_QK, TOP),
    }
    times = by_turns(ways, 3)
    share = recall(ways["index"](), ways["exact"]())
    return paired(
        f"HNSW over {items:,}, {options.threads} threads",
        peer="exact search by sdml",
        ours=[1e3 * seconds / len(query_QK) for seconds in times["index"].wall],
        theirs=[1e3 * seconds / len(query_QK) for seconds in times["exact"].wall],
        unit="ms/query",
        also={f"recall@{TOP}": f"{share:.4f}", "seconds to build": round(built, 1)},
    )
