"""Speed, agreement and memory of evaluation, against the released code's way.

``python -m benchmarks.evaluation_speed [--quick] [--json FILE]``

Each case runs in a child process that is held to one thread, and there in rounds: the reference
on a slice of the queries against the whole gallery, then sdml on all queries. A round gives one
ratio of CPU time per query (on a quiet machine, and with one thread, that is the time one waits;
on a busy one it is steadier). Both compute AP over the whole ranking and AP@50; sdml also the
curves. A second child loads the inputs, evaluates, and reports its peak memory above them.
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
from pathlib import Path
from typing import Any

import numpy as np

CASES: dict[str, dict[str, int]] = {
    "small": {"queries": 462, "gallery": 462, "slice": 462, "classes": 10, "labels": 1},
    "large": {"queries": 10_000, "gallery": 10_000, "slice": 200, "classes": 10, "labels": 1},
    "multi-label": {"queries": 5_000, "gallery": 10_000, "slice": 100, "classes": 80, "labels": 3},
}
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
        codes_NK = labels_NC @ directions_CK + 0.1 * rng.standard_normal((items, WIDTH))
        codes_NK /= np.linalg.norm(codes_NK, axis=1, keepdims=True)
        labels = labels_NC.argmax(axis=1) if case["labels"] == 1 else labels_NC
        np.save(folder / f"{side}.codes.npy", codes_NK.astype(np.float32))
        np.save(folder / f"{side}.labels.npy", labels)


def evaluate(folder: Path, threads: int) -> Any:
    """Load the inputs, then evaluate them: the scores, and the seconds of CPU that took."""
    from sdml.retrieval import Protocol, cosine_representation, score

    arrays = load(folder)
    protocol = Protocol.reference(DEPTH, multi_label=arrays[1].ndim == 2)
    began = time.process_time()
    scores = score(
        cosine_representation(arrays[0]),
        cosine_representation(arrays[2]),
        arrays[1],
        arrays[3],
        protocol,
        threads=threads,
    )
    return scores, time.process_time() - began


def load(folder: Path) -> list[np.ndarray]:
    """Query codes, query labels, gallery codes, gallery labels."""
    return [
        np.load(folder / f"{side}.{kind}.npy")
        for side in ("queries", "gallery")
        for kind in ("codes", "labels")
    ]


def child_speed(case: dict[str, int], folder: Path, rounds: int) -> dict[str, Any]:
    """Interleaved rounds; ratios of CPU time per query."""
    from benchmarks.reference_evaluation import multi_label, single_label

    arrays = load(folder)
    few = case["slice"]
    reference = multi_label if arrays[1].ndim == 2 else single_label
    evaluate(folder, threads=1)
    theirs, ours = [], []
    for _ in range(rounds):
        began = time.process_time()
        whole, at_depth = reference(
            arrays[0][:few], arrays[2], arrays[1][:few], arrays[3], (0, DEPTH)
        )
        theirs.append((time.process_time() - began) / few)
        scores, seconds = evaluate(folder, threads=1)
        ours.append(seconds / case["queries"])
    ratios = [slow / fast for slow, fast in zip(theirs, ours, strict=True)]
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
        "sdml_ms_per_query": 1e3 * statistics.median(ours),
        "ratio_median": statistics.median(ratios),
        "ratio_range": [min(ratios), max(ratios)],
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
    """Peak memory of one evaluation with two threads, above the process with its inputs."""
    import sdml.retrieval  # noqa: F401  (so that the import is not counted)

    held = load(folder)
    before = memory("VmRSS") - sum(array.nbytes for array in held)
    evaluate(folder, threads=2)
    # evaluate() loads its own copy of the inputs, and held is another: count neither.
    inputs = 2 * sum(array.nbytes for array in held)
    return {"peak_mebibytes_above_inputs": (memory("VmHWM") - before - inputs) / 2**20}


def run_child(name: str, what: str, folder: Path, rounds: int, env: dict[str, str]) -> Any:
    """One child process; its last line is JSON."""
    command = [sys.executable, "-m", "benchmarks.evaluation_speed", "--child", what]
    command += ["--case", name, "--folder", str(folder), "--rounds", str(rounds)]
    done = subprocess.run(
        command, env={**os.environ, **env}, check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Run all cases, print a line for each, and write JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="the small case and one round")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--child", choices=("speed", "memory"), help=argparse.SUPPRESS)
    parser.add_argument("--case", choices=tuple(CASES), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each case")
    arguments = parser.parse_args()
    if arguments.child == "speed":
        print(json.dumps(child_speed(CASES[arguments.case], arguments.folder, arguments.rounds)))
        return
    if arguments.child == "memory":
        print(json.dumps(child_memory(arguments.folder)))
        return
    results = {}
    for name in ("small",) if arguments.quick else CASES:
        case = CASES[name]
        rounds = 1 if arguments.quick else arguments.rounds
        with tempfile.TemporaryDirectory() as scratch:
            write_inputs(case, Path(scratch))
            result = run_child(name, "speed", Path(scratch), rounds, ONE_THREAD)
            result |= run_child(name, "memory", Path(scratch), rounds, {})
        results[name] = {**case, "width": WIDTH, "rounds": rounds, **result}
        low, high = result["ratio_range"]
        print(
            f"{name}: {case['queries']} queries x {case['gallery']} gallery, K={WIDTH}, "
            f"{case['classes']} classes; reference timed on {case['slice']} queries: "
            f"{result['reference_ms_per_query']:.3f} ms/query against "
            f"{result['sdml_ms_per_query']:.3f}, ratio {result['ratio_median']:.1f} "
            f"({low:.1f} to {high:.1f}, {rounds} rounds, one thread); largest difference of "
            f"one query's AP {result['largest_difference_of_a_query']:.1e}, of the mean "
            f"{result['difference_of_the_mean']:.1e}; peak memory above inputs "
            f"{result['peak_mebibytes_above_inputs']:.0f} MiB (two threads)",
            flush=True,
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
