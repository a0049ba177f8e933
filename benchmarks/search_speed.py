"""Speed of exact search in a memory-mapped gallery, against faiss; and what an index costs.

``python -m benchmarks.search_speed [--quick] [--threads N] [--index] [--json FILE]``

Rounds of faiss ``IndexFlatIP`` (over a float32 copy in memory, built beforehand and not counted)
and of sdml (over the .npy file, float32 and float16, in the page cache), one after the other, on
the same threads. A round gives one ratio of wall-clock time and one of CPU time. The results are
compared: sdml's order is that of exact float64 scores, faiss's that of its float32 ones.
``--index`` measures HNSW instead: time to build, time of a query, recall against exact.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

WIDTH = 512
CLASSES = 100
SIZES: dict[str, Any] = {"gallery": 1_000_000, "queries": [1, 64, 1_000], "top": 10}
QUICK: dict[str, Any] = {"gallery": 100_000, "queries": [1, 64, 500], "top": 10}
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


def write_inputs(folder: Path, gallery: int, queries: int) -> None:
    """Unit codes around class directions; the gallery also rounded to float16."""
    rng = np.random.default_rng(0)
    directions_CK = np.linalg.qr(rng.standard_normal((WIDTH, CLASSES)))[0].T.astype(np.float32)

    def codes(items: int) -> np.ndarray:
        rows_NK = 0.06 * rng.standard_normal((items, WIDTH), dtype=np.float32)
        rows_NK += directions_CK[rng.integers(0, CLASSES, items)]
        rows_NK /= np.linalg.norm(rows_NK, axis=1, keepdims=True)
        return rows_NK

    np.save(folder / "queries.npy", codes(queries))
    for name, dtype in (("float32", np.float32), ("float16", np.float16)):
        np.lib.format.open_memmap(
            folder / f"{name}.npy", mode="w+", dtype=dtype, shape=(gallery, WIDTH)
        )
    wide = np.load(folder / "float32.npy", mmap_mode="r+")
    half = np.load(folder / "float16.npy", mmap_mode="r+")
    for start in range(0, gallery, 50_000):
        block_BK = codes(min(50_000, gallery - start))
        wide[start : start + 50_000] = block_BK
        half[start : start + 50_000] = block_BK


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """What the work gave, and its seconds of wall-clock and of CPU time."""
    cpu, wall = time.process_time(), time.perf_counter()
    made = work()
    return made, time.perf_counter() - wall, time.process_time() - cpu


def measure(folder: Path, sizes: dict[str, Any], rounds: int, threads: int) -> list[dict[str, Any]]:
    """Interleaved rounds for each number of queries and each type of gallery."""
    import faiss

    from sdml.retrieval import search

    faiss.omp_set_num_threads(threads)
    flat = faiss.IndexFlatIP(WIDTH)
    flat.add(np.load(folder / "float32.npy"))
    lines = []
    for queries in sizes["queries"]:
        query_QK = np.load(folder / "queries.npy")[:queries]
        galleries = {
            name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("float32", "float16")
        }
        ratios: dict[str, list[tuple[float, float]]] = {name: [] for name in galleries}
        seconds: dict[str, list[float]] = {name: [] for name in ("faiss", *galleries)}
        same = {}
        for turn in range(rounds + 1):
            theirs, wall, cpu = timed(partial(flat.search, query_QK, sizes["top"]))
            for name, gallery_GK in galleries.items():
                ours, our_wall, our_cpu = timed(
                    partial(search, query_QK, gallery_GK, sizes["top"], threads=threads)
                )
                same[name] = float((ours.indices_QT == theirs[1]).mean())
                if turn:  # the first round warms up
                    ratios[name].append((wall / our_wall, cpu / our_cpu))
                    seconds[name].append(our_wall)
            if turn:
                seconds["faiss"].append(wall)
        for name, pairs in ratios.items():
            walls, cpus = zip(*pairs, strict=True)
            lines.append(
                {
                    "queries": queries,
                    "gallery": sizes["gallery"],
                    "dtype": name,
                    "threads": threads,
                    "rounds": rounds,
                    "faiss_ms_per_query": 1e3 * statistics.median(seconds["faiss"]) / queries,
                    "sdml_ms_per_query": 1e3 * statistics.median(seconds[name]) / queries,
                    "ratio_wall": statistics.median(walls),
                    "ratio_wall_range": [min(walls), max(walls)],
                    "ratio_cpu": statistics.median(cpus),
                    "ratio_cpu_range": [min(cpus), max(cpus)],
                    "same_place_as_faiss": same[name],
                }
            )
    return lines


def measure_index(folder: Path, sizes: dict[str, Any]) -> dict[str, Any]:
    """What HNSW costs to build, how fast it answers, and what it finds."""
    from sdml.retrieval import search
    from sdml.steps.index import Hnsw, recall

    gallery_GK = np.load(folder / "float32.npy", mmap_mode="r")
    query_QK = np.load(folder / "queries.npy")
    exact, _, exact_cpu = timed(partial(search, query_QK, gallery_GK, sizes["top"]))
    index, _, build_cpu = timed(partial(Hnsw, gallery_GK))
    found, _, cpu = timed(partial(index.search, query_QK, sizes["top"]))
    return {
        "build_cpu_seconds": build_cpu,
        "index_cpu_ms_per_query": 1e3 * cpu / len(query_QK),
        "exact_cpu_ms_per_query": 1e3 * exact_cpu / len(query_QK),
        "recall": recall(found, exact),
    }


def child(arguments: argparse.Namespace) -> None:
    """Measure in this process, and print JSON."""
    sizes = QUICK if arguments.quick else SIZES
    if arguments.index:
        print(json.dumps(measure_index(arguments.folder, sizes)))
        return
    print(json.dumps(measure(arguments.folder, sizes, arguments.rounds, arguments.threads)))


def main() -> None:
    """Write the inputs, measure in a child held to the threads, print a line for each case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="a gallery of a hundred thousand")
    parser.add_argument("--threads", type=int, default=1, help="threads of both (1)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each case (5)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--folder", type=Path, help="keep the inputs here, and use them again")
    parser.add_argument("--index", action="store_true", help="measure HNSW instead")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments)
        return
    sizes = QUICK if arguments.quick else SIZES
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "float16.npy").exists():
            write_inputs(folder, sizes["gallery"], max(sizes["queries"]))
        command = [sys.executable, "-m", "benchmarks.search_speed", "--child"]
        command += ["--folder", str(folder), "--rounds", str(arguments.rounds)]
        command += ["--threads", str(arguments.threads)] + ["--quick"] * arguments.quick
        command += ["--index"] * arguments.index
        env = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(arguments.threads))}
        done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True)
    lines = json.loads(done.stdout.splitlines()[-1])
    for line in () if arguments.index else lines:
        print(
            f"{line['queries']} queries x {line['gallery']} {line['dtype']}, {line['threads']} "
            f"threads: faiss {line['faiss_ms_per_query']:.2f} ms/query, sdml "
            f"{line['sdml_ms_per_query']:.2f}, ratio {line['ratio_wall']:.2f} "
            f"({line['ratio_wall_range'][0]:.2f} to {line['ratio_wall_range'][1]:.2f}), of CPU "
            f"time {line['ratio_cpu']:.2f} ({line['ratio_cpu_range'][0]:.2f} to "
            f"{line['ratio_cpu_range'][1]:.2f}); {100 * line['same_place_as_faiss']:.2f} % of "
            "the hits in the same place",
            flush=True,
        )
    if arguments.index:
        print(
            f"HNSW over {sizes['gallery']} codes: {lines['build_cpu_seconds']:.0f} s of CPU time "
            f"to build, {lines['index_cpu_ms_per_query']:.3f} ms/query, exact "
            f"{lines['exact_cpu_ms_per_query']:.3f}; recall@{sizes['top']} {lines['recall']:.4f}"
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(lines, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
