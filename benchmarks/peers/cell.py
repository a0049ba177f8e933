"""One cell of the table: one method, one seed, in a process of its own.

``python -m benchmarks.peers.cell`` reads a :class:`Request` as JSON from standard input, trains,
scores the test split and writes the cell. The clock and the memory are read around training and
selection alone; reading features and scoring the test split do not count.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import sklearn
import torch

from benchmarks.peers.catalogue import chosen_peers
from benchmarks.peers.collection import read_views
from benchmarks.peers.memory import peak_mebibytes, resident_mebibytes
from benchmarks.peers.scoring import direction_scores
from benchmarks.peers.views import Facts
from sdml.errors import SDMLError
from sdml.experiment import parse_experiment
from sdml.steps.context import Context, read_subspace
from sdml.steps.evaluate import protocol_of


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a cell is.

    Attributes:
        experiment: the text of the experiment file, its store being the benchmark's.
        features: URI of each modality's feature set.
        subspace: URI of the subspace, for the number of classes.
        peer: name of the method.
        seed: of everything drawn.
        quick: one point of the grid, few epochs, narrow networks.
        threads: of every library.
        settings: of the method, as the caller knows them.
        path: where the cell is written.
        key: what identifies the cell; written into it.
    """

    experiment: str
    features: dict[str, str]
    subspace: str
    peer: str
    seed: int
    quick: bool
    threads: int
    settings: str
    path: str
    key: str


def run_cell(request: Request) -> dict[str, Any]:
    """Train, score, write.

    Raises:
        RefusedError: the method is not defined for the collection.
        SDMLError: the method's settings are not those of the request.
    """
    torch.set_num_threads(request.threads)
    experiment = parse_experiment(request.experiment)
    context = Context.open(experiment, track=False)
    catalog = context.catalog
    classes = len(read_subspace(catalog, catalog.get(request.subspace)).classes)
    (peer,) = chosen_peers(experiment, [request.peer], quick=request.quick)
    if repr(peer) != request.settings:
        raise SDMLError(
            f"{peer.name} must have the settings that the cell is named after, but has {peer!r}: "
            "the code was changed in the meantime; run the command again"
        )
    train, validation, test = (
        read_views(context, request.features, split) for split in ("train", "validation", "test")
    )
    facts = Facts.of(train)
    protocol = protocol_of(experiment.evaluation, multi_label=train.multi_label)
    maps: dict[str, dict[str, float]] = {ranking: {} for ranking in peer.rankings}
    chance: dict[str, float] = {}
    chosen: dict[str, dict[str, object]] = {}
    seconds = cpu_seconds = 0.0
    start_memory = resident_mebibytes()
    trainings = []
    for names in peer.trainings(train.modalities):
        start, cpu_start = time.perf_counter(), time.process_time()
        projector = peer.fit(train.only(names), validation.only(names), classes, seed=request.seed)
        seconds += time.perf_counter() - start
        cpu_seconds += time.process_time() - cpu_start
        chosen["+".join(names)] = dict(projector.chosen)
        trainings.append((names, projector))
    peak = peak_mebibytes()
    for names, projector in trainings:
        for ranking in peer.rankings:
            scores = direction_scores(projector, test.only(names), ranking, protocol)
            for (query, gallery), one in scores.items():
                maps[ranking][f"{query} to {gallery}"] = one.map
                chance[f"{query} to {gallery}"] = one.chance
    cell = {
        "key": request.key,
        "collection": experiment.collection,
        "peer": peer.name,
        "version": peer.version,
        "settings": repr(peer),
        "seed": request.seed,
        "quick": request.quick,
        "pairing": peer.pairing(facts),
        "maps": maps,
        "chance": chance,
        "chosen": chosen,
        "trainings": len(trainings),
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "peak_mebibytes": peak,
        "start_mebibytes": start_memory,
        "threads": request.threads,
        "software": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "scikit-learn": sklearn.__version__,
            "torch": torch.__version__,
        },
    }
    write_atomically(Path(request.path), json.dumps(cell, indent=1))
    return cell


def write_atomically(path: Path, text: str) -> None:
    """The whole file or none: written beside its place, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def request_json(request: Request) -> str:
    """For standard input."""
    return json.dumps(asdict(request))


def main() -> int:
    """Run the cell that standard input asks for; errors go to standard error as one line."""
    try:
        run_cell(Request(**json.load(sys.stdin)))
    except SDMLError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
