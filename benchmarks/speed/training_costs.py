"""What a training's time goes to beside its steps, as a share of what is allowed.

A ratio is the allowed share (or time) over the measured one: above 1 is within what is allowed.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.speed.figure import Figure, Options
from benchmarks.speed.rounds import by_turns
from benchmarks.speed.training_sides import CLASSES, PROJECTION_KC, SETTINGS, samples
from sdml.experiment import read_experiment
from sdml.steps.context import Context
from sdml.steps.prepare import prepare
from sdml.store import Catalog, open_store
from sdml.training.checkpoint import save
from sdml.training.data import Samples
from sdml.training.learner import Learner
from sdml.training.pace import SAVING
from sdml.training.state import TrainingState
from sdml.training.threads import thread_count

ALLOWED = 0.05
FIRST_STEP = 3.0  # seconds


def costs(options: Options) -> Iterator[Figure]:
    """Batch gathering in a step; validation and checkpoints in an epoch; the start."""
    with thread_count(options.threads):
        yield from _shares(options)
    yield _first_step(options)


def _shares(options: Options) -> Iterator[Figure]:
    """Of the image modality of PKU XMedia: 4,000 samples to train on, 500 to validate with."""
    features, labels = samples(4096)

    def split(rows: slice, name: str) -> Samples:
        return Samples(
            features[rows], labels[rows], classes=CLASSES, device=torch.device("cpu"), name=name
        )

    training, validation = split(slice(4000), "training"), split(slice(4000, 4500), "validation")
    learner = Learner(4096, PROJECTION_KC, SETTINGS, torch.device("cpu"))
    size = SETTINGS.batch_size
    steps = len(training) // size
    batch = next(training.batches(size, seed=0, epoch=1, drop_last=True))
    state = TrainingState(learner, training, validation, SETTINGS)
    learner.step(*batch)
    with tempfile.TemporaryDirectory() as folder:
        slot = Catalog(open_store(folder), "speed").checkpoint("image.safetensors")
        ways: dict[str, Callable[[], object]] = {
            "gather": lambda: [*training.batches(size, seed=0, epoch=1, drop_last=True)],
            "step": lambda: [learner.step(*batch) for _ in range(steps)],
            "validate": lambda: (learner.measure(validation.blocks()), learner.encoder_state()),
            "checkpoint": lambda: save(slot, state.checkpoint(), "speed"),
        }
        times = by_turns(ways, 3 if options.quick else 10)
    gather, step, validate, checkpoint = (times[name].wall for name in ways)
    yield _share("4096-d batch gathering", "step", gather, step)
    often = SETTINGS.checkpoint_seconds
    beside = [
        v + c * (s + g + v) / max(often, c / SAVING)
        for g, s, v, c in zip(gather, step, validate, checkpoint, strict=True)
    ]
    trained = [s + g for s, g in zip(step, gather, strict=True)]
    figure = _share("4096-d validation and checkpoints", "epoch of 4,000", beside, trained)
    yield replace(figure, also={"a checkpoint": f"{statistics.median(checkpoint):.2f} s"})


def _share(name: str, whole: str, part: list[float], rest: list[float]) -> Figure:
    shares = [p / (p + r) for p, r in zip(part, rest, strict=True)]
    return Figure(
        name=f"{name}, share of a {whole}",
        peer="allowed",
        ratios=tuple(ALLOWED / share for share in shares),
        ours=100 * statistics.median(shares),
        theirs=100 * ALLOWED,
        unit="%",
        bar=1,
    )


def _first_step(options: Options) -> Figure:
    """``sdml train`` from the start of the process until its first step is done, disk warm."""
    features, labels = samples(4096)
    with tempfile.TemporaryDirectory() as folder:
        source, file = Path(folder, "image.npz"), Path(folder, "experiment.yaml")
        np.savez(source, X=features[:3000], y=labels[:3000])
        file.write_text(
            f"collection: speed\nstore: {folder}/store\ntracking: null\n"
            "subspace: {dimension: 512}\ntraining: {preset: sdml-reference}\n"
            "modalities:\n  image: {source: image.npz, keys: {features: X, labels: y}}\n",
            encoding="utf-8",
        )
        prepare(Context.open(read_experiment(file)))
        command = [sys.executable, "-m", "benchmarks.speed.first_step", str(file)]
        seconds = []
        for _ in range(3 if options.quick else 6):
            began = time.time()
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            seconds.append(float(said.split()[-1]) - began)
    return Figure(
        name="sdml train without tracking, process start to first step",
        peer="allowed",
        ratios=tuple(FIRST_STEP / each for each in seconds[1:]),
        ours=statistics.median(seconds[1:]),
        theirs=FIRST_STEP,
        unit="s",
        bar=1,
    )
