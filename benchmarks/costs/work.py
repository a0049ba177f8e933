"""One training whose cost is taken, in a process of its own: ``python -m benchmarks.costs.work``.

Reads a :class:`Request` as JSON from standard input and writes a :class:`Cost` to standard output.
The clock and the memory are read around training; reading features does not count.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import torch

from benchmarks.peers.catalogue import all_peers
from benchmarks.peers.collection import read_views
from benchmarks.peers.deep import DeepPeer
from benchmarks.peers.memory import peak_mebibytes, resident_mebibytes
from benchmarks.peers.peer import Task
from benchmarks.peers.sdml_peer import training_data
from benchmarks.peers.views import Views
from sdml.experiment import Experiment, parse_experiment
from sdml.steps.context import Context, read_subspace
from sdml.subspace import Subspace
from sdml.training import fit
from sdml.training.data import Samples
from sdml.training.learner import Learner
from sdml.training.state import TrainingState


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is trained.

    Attributes:
        way: ``alone`` (one modality), ``joint`` (SDML, all in one process), or the name of a
            jointly trained peer.
        modalities: of the training.
        experiment: text of the experiment file, with the benchmark's own store.
        features: URI of each modality's feature set.
        subspace: URI.
        epochs: of every way.
        threads: of every way.
    """

    way: str
    modalities: Sequence[str]
    experiment: str
    features: dict[str, str]
    subspace: str
    epochs: int
    threads: int


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Seconds of training, on the clock and of the processor, and the most memory it took.

    Memory is what came to what was there before. On one thread the processor's seconds tell the
    work where others use the machine too.
    """

    seconds: float
    cpu_seconds: float
    mebibytes: float


def measured(request: Request) -> Cost:
    """Train, and say what it cost."""
    torch.set_num_threads(request.threads)
    experiment = parse_experiment(request.experiment)
    context = Context.open(experiment, track=False)
    features = {name: request.features[name] for name in request.modalities}
    train, validation = (read_views(context, features, split) for split in ("train", "validation"))
    subspace = read_subspace(context.catalog, context.catalog.get(request.subspace))
    training: Callable[[], object]
    match request.way:
        case "alone":
            training = _alone(experiment, train, validation, subspace, request)
        case "joint":
            training = _joint(experiment, train, validation, subspace, request)
        case name:
            training = _peer(name, experiment, train, len(subspace.classes), request)
    before, began, cpu = resident_mebibytes(), time.perf_counter(), time.process_time()
    training()
    return Cost(
        seconds=time.perf_counter() - began,
        cpu_seconds=time.process_time() - cpu,
        mebibytes=peak_mebibytes() - before,
    )


def _alone(
    experiment: Experiment, train: Views, validation: Views, subspace: Subspace, request: Request
) -> Callable[[], object]:
    (name,) = request.modalities
    settings = experiment.training_of(name).model_copy(update={"epochs": request.epochs})
    data = training_data(train, validation, name)
    return lambda: fit(data, subspace.projection_KC, settings, threads=request.threads)


def _joint(
    experiment: Experiment, train: Views, validation: Views, subspace: Subspace, request: Request
) -> Callable[[], object]:
    """All networks, optimisers and data in one process, an epoch of each by turns."""

    def training() -> None:
        states = [
            _state(experiment, train, validation, subspace, name) for name in request.modalities
        ]
        for _ in range(request.epochs):
            for state in states:
                state.epoch(lambda: None)

    return training


def _state(
    experiment: Experiment, train: Views, validation: Views, subspace: Subspace, name: str
) -> TrainingState:
    settings, cpu = experiment.training_of(name), torch.device("cpu")
    training, validating = (
        Samples(
            views.features[name],
            views.labels[name],
            classes=len(subspace.classes),
            device=cpu,
            name=name,
        )
        for views in (train, validation)
    )
    learner = Learner(training.features, subspace.projection_KC, settings, cpu)
    return TrainingState(learner, training, validating, settings)


def _peer(
    name: str, experiment: Experiment, train: Views, classes: int, request: Request
) -> Callable[[], object]:
    """The epochs of one training, and its codes once: no grid, and no selection of an epoch."""
    peer = all_peers(experiment)[name]
    assert isinstance(peer, DeepPeer)
    one = replace(peer, epochs=request.epochs)
    task = Task(train=train, classes=classes, seed=0, point=one.grid[0])

    def training() -> None:
        model = None
        for trained in one.networks(task):
            model = trained
        one.finish(model, task)

    return training


if __name__ == "__main__":
    json.dump(asdict(measured(Request(**json.load(sys.stdin)))), sys.stdout)
