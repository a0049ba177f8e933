"""The process of :mod:`.prepare` that prepares; it says how long that took and its peak memory."""

from __future__ import annotations

import json
import sys
import time

from benchmarks.speed.process_memory import peak_mebibytes
from sdml.experiment import parse_experiment
from sdml.steps.context import Context
from sdml.steps.prepare import prepare


def main(experiment: str) -> None:
    """Prepare and print one JSON object."""
    settings = parse_experiment(experiment)
    wall, cpu = time.perf_counter(), time.process_time()
    prepare(Context.open(settings, track=False))
    said = {
        "seconds": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "peak": peak_mebibytes(),
    }
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
