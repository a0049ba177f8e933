"""One evaluation in a process of its own: its time, and its peak memory above the inputs (Linux).

``python -m benchmarks.speed.evaluation_process QUERIES GALLERY CLASSES LABELS THREADS``
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.speed.retrieval_inputs import Sizes, made_inputs

_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


def in_a_process(sizes: Sizes, threads: int) -> dict[str, float]:
    """``ms_per_query`` of wall-clock time, and ``peak_mebibytes`` above the inputs."""
    numbers = sizes.queries, sizes.gallery, sizes.classes, sizes.labels, threads
    done = subprocess.run(
        [sys.executable, "-m", __name__, *map(str, numbers)],
        env={**os.environ, **dict.fromkeys(_VARIABLES, str(threads))},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def memory(field: str) -> int:
    """Bytes of this process by a field of /proc/self/status."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {field}")


def main() -> None:
    """Make the inputs, evaluate, print JSON."""
    from sdml.environment import set_defaults

    set_defaults()  # before torch is imported, as in every process of sdml
    from sdml.retrieval import Protocol, score_codes

    queries, gallery, classes, labels, threads = map(int, sys.argv[1:])
    inputs = made_inputs(Sizes(queries, gallery, classes, labels))
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak starts here
    before = memory("VmRSS")
    began = time.perf_counter()
    score_codes(
        inputs.query_QK,
        inputs.query_labels,
        inputs.gallery_GK,
        inputs.gallery_labels,
        protocol=Protocol.reference(50, multi_label=labels > 1),
        threads=threads,
    )
    seconds = time.perf_counter() - began
    found = {
        "ms_per_query": 1e3 * seconds / queries,
        "peak_mebibytes": (memory("VmHWM") - before) / 2**20,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
