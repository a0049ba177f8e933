"""Costs as in tables 6 and 7 of the SDML paper: ``python -m benchmarks.costs --experiment FILE``.

Training all modalities jointly (one process holds all networks and data), one after the other,
and in parallel (a device for each: the longest one counts), beside jointly trained peers; and for
each modality what it costs to add it: its own network alone, against training everything jointly
again. Every way trains the same number of epochs on the same prepared features and threads, each in
a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.costs.table import JOINT, Costs, markdown
from benchmarks.costs.work import Cost, Request
from benchmarks.peers.collection import prepared
from benchmarks.peers.runner import environment
from sdml.errors import SDMLError
from sdml.experiment import Experiment, dump_experiment, read_experiment
from sdml.steps.context import Context, origin


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print two tables; returns the exit code."""
    parser = argparse.ArgumentParser("python -m benchmarks.costs", description=__doc__)
    parser.add_argument("--experiment", type=Path, required=True, metavar="FILE.yaml")
    parser.add_argument("--epochs", type=int, default=20, metavar="N", help="of every way")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="of every way")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    arguments = parser.parse_args(argv)
    if min(arguments.epochs, arguments.threads) < 1:
        parser.error("--epochs and --threads must be at least 1")
    try:
        with tempfile.TemporaryDirectory() as folder:
            experiment = read_experiment(arguments.experiment)
            costs = measure(experiment, Path(folder), arguments.epochs, arguments.threads, in_child)
    except SDMLError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(markdown(costs))
    if arguments.json:
        arguments.json.write_text(json.dumps(asdict(costs), indent=1) + "\n", encoding="utf-8")
    return 0


def measure(
    experiment: Experiment,
    folder: Path,
    epochs: int,
    threads: int,
    run: Callable[[Request], Cost],
) -> Costs:
    """Every way, one after another."""
    own, features = prepared(experiment, folder)
    catalog = Context.open(own, track=False).catalog
    subspace = catalog.get(origin(catalog.get(next(iter(features.values()))), "subspace")).uri

    def cost(way: str, modalities: Sequence[str]) -> Cost:
        return run(
            Request(
                way=way,
                modalities=list(modalities),
                experiment=dump_experiment(own),
                features=features,
                subspace=subspace,
                epochs=epochs,
                threads=threads,
            )
        )

    return Costs(
        epochs=epochs,
        threads=threads,
        alone={name: cost("alone", [name]) for name in features},
        joint={way: cost(way, list(features)) for way in JOINT},
    )


def in_child(request: Request) -> Cost:
    """The cost of a training in a process of its own; standard error says which."""
    print(f"{request.way}: {', '.join(request.modalities)}", file=sys.stderr, flush=True)
    child = subprocess.run(
        [sys.executable, "-m", "benchmarks.costs.work"],
        input=json.dumps(asdict(request)),
        env={**os.environ, **environment(request.threads)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if child.returncode != 0:
        raise SDMLError(f"training {request.way} ended with exit code {child.returncode}")
    return Cost(**json.loads(child.stdout))


if __name__ == "__main__":
    sys.exit(main())
