"""Finished work as JSON files in a folder, so that a stopped command goes on where it was.

A cell is named after what was done and a digest of the experiment with its seed. While it is made,
its store lies beside it, and trainings that are stored there are not made again; then it goes.
What a cell holds depends on the code too, which the name does not say, nor do the contents of the
sources: another folder makes everything anew.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.cell import write_atomically
from benchmarks.peers.collection import short_hash
from benchmarks.quality import open_seeded
from sdml.experiment import Experiment, dump_experiment
from sdml.steps.context import Context

Cell = Any  # what json.loads gives


@dataclass(frozen=True, kw_only=True)
class Cells:
    """The folder, the threads of a training, and where to say what is under way."""

    folder: Path
    threads: int
    say: Callable[[str], None]

    def get(
        self, what: str, experiment: Experiment, seed: int, make: Callable[[Context], Cell]
    ) -> Cell:
        """What ``make`` returns, or has returned before.

        Args:
            what: is done; a file name, unique among different ``make``.
            experiment: of the cell; its store and tracking are replaced.
            seed: of the subspace and the networks.
            make: returns what JSON can hold.
        """
        told, path = self._named(what, experiment, seed)
        store = path.with_suffix(".store")
        if path.exists():
            shutil.rmtree(store, ignore_errors=True)
            self.say(f"{path.stem}: kept")
            return _read(path)
        self.say(f"{path.stem}: …")
        began, cpu = time.perf_counter(), time.process_time()
        bounded = experiment.training.model_copy(update={"threads": self.threads})
        one = experiment.model_copy(update={"training": bounded})
        made = make(open_seeded(one, seed, store))
        seconds = time.perf_counter() - began
        spent = {"seconds": seconds, "cpu_seconds": time.process_time() - cpu}
        write_atomically(path, json.dumps({**told, **spent, "made": made}, indent=1))
        shutil.rmtree(store, ignore_errors=True)
        self.say(f"{path.stem}: {seconds:.0f} s")
        return _read(path)

    def _named(
        self, what: str, experiment: Experiment, seed: int
    ) -> tuple[dict[str, object], Path]:
        plain = experiment.model_copy(update={"store": "", "tracking": None})
        told = {"what": what, "seed": seed, "experiment": dump_experiment(plain)}
        return told, self.folder / f"{what}-s{seed}-{short_hash(json.dumps(told))}.json"


def _read(path: Path) -> Cell:
    return json.loads(path.read_text(encoding="utf-8"))["made"]
