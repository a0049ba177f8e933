"""Speed, agreement and memory of evaluation, against the released code's way and numpy's.

``python -m benchmarks.evaluation_speed [--quick] [--case NAME] [--curve] [--json FILE]``

Each case runs in a child process that is held to one thread, and there in rounds: the released
code's way and a plain numpy one (argsort and cumulative sums), each on a slice of the queries
against the whole gallery, then sdml on all queries. A round gives one ratio of CPU time per query
to each of the two (on a quiet machine, and with one thread, that is the time one waits; on a busy
one it is steadier). All compute AP over the whole ranking and AP@50; sdml also the curves. A
second child, with all cores, loads the inputs, evaluates, and reports wall-clock time and its peak
memory above the inputs. ``--quick`` takes a sixteenth of the queries of the two large cases, and
three rounds. ``--curve`` shows cost and memory for galleries up to a million instead.
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
from pathlib import Path
from typing import Any

from sdml.environment import set_defaults

set_defaults()  # as every process of sdml does

import numpy as np  # noqa: E402

CASES: dict[str, dict[str, int]] = {
    "wikipedia": {"queries": 462, "gallery": 462, "slice": 462, "classes": 10, "labels": 1},
    "nus-wide": {"queries": 23_661, "gallery": 23_661, "slice": 48, "classes": 10, "labels": 1},
    "ms-coco": {"queries": 30_137, "gallery": 30_137, "slice": 48, "classes": 80, "labels": 3},
}
CURVE = [(64, 10_000), (64, 100_000), (256, 100_000), (128, 1_000_000), (512, 1_000_000)]
QUICK_SHARE = 16
WIDTH = 512
DEPTH = 50
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1")


def write_inputs(case: dict[str, int], folder: Path) -> None:
    """Unit codes around class directions, as noisy as trained codes of a hard collection."""
    rng = np.random.default_rng(0)
    directions_CK = np.linalg.qr(rng.standard_normal((WIDTH, case["classes"])))[0].T
    for side in ("queries", "gallery"):
        items = case[side]
        labels_NC = np.zeros((items, case["classes"]), dtype=np.uint8)
        for _ in range(case["labels"]):
            labels_NC[np.arange(items), rng.integers(0, case["classes"], items)] = 1
        np.save(
            folder / f"{side}.labels.npy",
            labels_NC.argmax(axis=1) if case["labels"] == 1 else labels_NC,
        )
        codes_NK = np.lib.format.open_memmap(
            folder / f"{side}.codes.npy", mode="w+", dtype=np.float32, shape=(items, WIDTH)
        )
        for start in range(0, items, 10_000):
            some = slice(start, min(start + 10_000, items))
            made_NK = labels_NC[some] @ directions_CK
            made_NK += 0.1 * rng.standard_normal(made_NK.shape)
            codes_NK[some] = made_NK / np.linalg.norm(made_NK, axis=1, keepdims=True)


def evaluate(arrays: list[np.ndarray], threads: int | None) -> Any:
    """Everything sdml computes for one direction, from the codes on."""
    from sdml.retrieval import Protocol, cosine_representation, score

    return score(
        cosine_representation(arrays[0]),
        cosine_representation(arrays[2]),
        arrays[1],
        arrays[3],
        Protocol.reference(DEPTH, multi_label=arrays[1].ndim == 2),
        threads=threads,
    )


def load(folder: Path) -> list[np.ndarray]:
    """Query codes, query labels, gallery codes, gallery labels."""
    return [
        np.load(folder / f"{side}.{kind}.npy")
        for side in ("queries", "gallery")
        for kind in ("codes", "labels")
    ]


def cpu_seconds(work: Callable[[], Any]) -> tuple[Any, float]:
    """What the work gave, and the CPU time it took."""
    began = time.process_time()
    made = work()
    return made, time.process_time() - began


def child_speed(case: dict[str, int], folder: Path, rounds: int) -> dict[str, Any]:
    """Interleaved rounds; ratios of CPU time per query."""
    from benchmarks.reference_evaluation import multi_label, plain_numpy, single_label

    arrays = load(folder)
    few = min(case["slice"], case["queries"])
    some = arrays[0][:few], arrays[2], arrays[1][:few], arrays[3]
    reference = multi_label if arrays[1].ndim == 2 else single_label
    evaluate(arrays, threads=1)
    theirs, plain, ours = [], [], []
    for _ in range(rounds):
        (whole, at_depth), seconds = cpu_seconds(lambda: reference(*some, (0, DEPTH)))
        theirs.append(seconds / few)
        plain.append(cpu_seconds(lambda: plain_numpy(*some, DEPTH))[1] / few)
        scores, seconds = cpu_seconds(lambda: evaluate(arrays, threads=1))
        ours.append(seconds / case["queries"])
    ratios = [slow / fast for slow, fast in zip(theirs, ours, strict=True)]
    plain_ratios = [slow / fast for slow, fast in zip(plain, ours, strict=True)]
    counted = scores.counted_Q[:few]
    counted_at_k = scores.counted_at_k_Q[:few]
    differences = np.concatenate(
        [
            np.abs(scores.ap_Q[:few][counted] - np.array(whole)),
            np.abs(scores.ap_at_k_Q[:few][counted_at_k] - np.array(at_depth)),
        ]
    )
    return {
        "reference_ms_per_query": 1e3 * statistics.median(theirs),
        "numpy_ms_per_query": 1e3 * statistics.median(plain),
        "sdml_ms_per_query": 1e3 * statistics.median(ours),
        "ratio_median": statistics.median(ratios),
        "ratio_range": [min(ratios), max(ratios)],
        "numpy_ratio_median": statistics.median(plain_ratios),
        "numpy_ratio_range": [min(plain_ratios), max(plain_ratios)],
        "map": scores.map,
        "largest_difference_of_a_query": float(differences.max()),
        "difference_of_the_mean": abs(
            float(np.mean(scores.ap_Q[:few][counted])) - float(np.mean(whole))
        ),
    }


def memory(field: str) -> int:
    """Bytes of this process by a field of /proc/self/status (Linux)."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {field}")


def child_memory(folder: Path) -> dict[str, Any]:
    """Time and peak memory of one evaluation on all cores, above the process with its inputs."""
    from sdml.retrieval import Protocol, score_codes

    arrays = load(folder)
    before = memory("VmRSS")
    began = time.perf_counter()
    score_codes(
        arrays[0],
        arrays[1],
        arrays[2],
        arrays[3],
        protocol=Protocol.reference(DEPTH, multi_label=arrays[1].ndim == 2),
    )
    seconds = time.perf_counter() - began
    return {
        "all_cores_ms_per_query": 1e3 * seconds / len(arrays[0]),
        "peak_mebibytes_above_inputs": (memory("VmHWM") - before) / 2**20,
    }


def curve() -> list[dict[str, Any]]:
    """Cost and memory as queries and gallery grow, on all cores."""
    lines = []
    for queries, gallery in CURVE:
        case = {"queries": queries, "gallery": gallery, "classes": 10, "labels": 1}
        with tempfile.TemporaryDirectory() as scratch:
            write_inputs(case, Path(scratch))
            lines.append({**case, **run_child("memory", case, Path(scratch), 1, {})})
        ms = lines[-1]["all_cores_ms_per_query"]
        print(
            f"{queries} queries x {gallery}: {ms:.3f} ms/query, "
            f"{1e6 * ms / (gallery * np.log2(gallery)):.2f} ns per item and bit of the gallery, "
            f"peak memory above inputs {lines[-1]['peak_mebibytes_above_inputs']:.0f} MiB",
            flush=True,
        )
    return lines


def run_child(
    what: str, case: dict[str, int], folder: Path, rounds: int, env: dict[str, str]
) -> Any:
    """One child process; its last line is JSON."""
    command = [sys.executable, "-m", "benchmarks.evaluation_speed", "--child", what]
    command += ["--sizes", json.dumps(case), "--folder", str(folder), "--rounds", str(rounds)]
    done = subprocess.run(
        command, env={**os.environ, **env}, check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def measured(case: dict[str, int], rounds: int) -> dict[str, Any]:
    """The figures of one case."""
    with tempfile.TemporaryDirectory() as scratch:
        write_inputs(case, Path(scratch))
        result = run_child("speed", case, Path(scratch), rounds, ONE_THREAD)
        result |= run_child("memory", case, Path(scratch), rounds, {})
    return {**case, "width": WIDTH, "rounds": rounds, **result}


def described(name: str, result: dict[str, Any]) -> str:
    """The figures of one case on a line."""
    low, high = result["ratio_range"]
    plain_low, plain_high = result["numpy_ratio_range"]
    return (
        f"{name}: {result['queries']} queries x {result['gallery']} gallery, K={WIDTH}, "
        f"{result['classes']} classes; the others timed on {result['slice']} queries: "
        f"{result['reference_ms_per_query']:.3f} ms/query (released way), "
        f"{result['numpy_ms_per_query']:.3f} (numpy) against {result['sdml_ms_per_query']:.4f}: "
        f"ratio {result['ratio_median']:.1f} ({low:.1f} to {high:.1f}) and "
        f"{result['numpy_ratio_median']:.1f} ({plain_low:.1f} to {plain_high:.1f}), "
        f"{result['rounds']} rounds, one thread; largest difference of one query's AP "
        f"{result['largest_difference_of_a_query']:.1e}, of the mean "
        f"{result['difference_of_the_mean']:.1e}; on all cores "
        f"{result['all_cores_ms_per_query']:.4f} ms/query of wall-clock time, peak memory above "
        f"inputs {result['peak_mebibytes_above_inputs']:.0f} MiB"
    )


def main() -> None:
    """Run the cases, print a line for each, and write JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="a sixteenth of the queries")
    parser.add_argument("--case", choices=tuple(CASES), help="only this case")
    parser.add_argument("--curve", action="store_true", help="galleries up to a million instead")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--rounds", type=int, help="rounds of each case (5, or 3 with --quick)")
    parser.add_argument("--child", choices=("speed", "memory"), help=argparse.SUPPRESS)
    parser.add_argument("--sizes", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child == "speed":
        print(json.dumps(child_speed(arguments.sizes, arguments.folder, arguments.rounds)))
        return
    if arguments.child == "memory":
        print(json.dumps(child_memory(arguments.folder)))
        return
    results: Any = {}
    if arguments.curve:
        results = curve()
    else:
        for name in (arguments.case,) if arguments.case else CASES:
            case = dict(CASES[name])
            if arguments.quick and case["queries"] > case["slice"]:
                case["queries"] = -(-case["queries"] // QUICK_SHARE)
            rounds = arguments.rounds or (3 if arguments.quick else 5)
            results[name] = measured(case, rounds)
            print(described(name, results[name]), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
