"""Small work through the product's own functions, at three sizes each.

CPU seconds of one thread, those of the kernel counted, which a busy machine changes less than the
clock on the wall; but for a store that is not a folder, whose time is spent waiting.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.scale.fit import Line, fitted
from benchmarks.scale.model import Network, evaluation_work
from sdml.experiment import TrainingSettings, read_experiment
from sdml.retrieval import Protocol, score_codes, search
from sdml.steps.context import Context
from sdml.steps.prepare import prepare
from sdml.store import Catalog, open_store
from sdml.subspace import Subspace
from sdml.training import TrainingData, fit

CLASSES = 10
CODE = 512
Sizes = tuple[int, int, int]


def measures(*, quick: bool, store: str | None) -> Iterator[Line]:
    """Every line; ``store`` is where the transfer is measured, a temporary folder by default."""
    few = 2 if quick else 1
    with tempfile.TemporaryDirectory(prefix="sdml-scale-") as folder:
        yield _training((512, 1024, 2048) if quick else (512, 2048, 4096))
        yield _evaluation((6_000 // few, 18_000 // few, 54_000 // few), queries=256 // few)
        yield _prepare((20_000 // few, 80_000 // few, 200_000 // few), Path(folder))
        yield _transfer((64 // few, 192 // few, 512 // few), Path(folder), store)
        yield _search((20_000 // few, 80_000 // few, 240_000 // few))


def _best(
    work: Callable[[], object], times: int = 4, clock: Callable[[], float] = time.process_time
) -> float:
    """The shortest of some runs: what the work takes when nothing else runs."""
    taken = []
    for _ in range(times):
        began = clock()
        work()
        taken.append(clock() - began)
    return min(taken)


def _vectors(rows: int, width: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, CLASSES, rows)
    centres_CD = generator.standard_normal((CLASSES, width), dtype=np.float32)
    return generator.standard_normal((rows, width), dtype=np.float32) + centres_CD[labels], labels


def _training(sizes: Sizes) -> Line:
    """One step by the input features; the best epoch of a training, validation apart."""
    subspace = Subspace.random([str(c) for c in range(CLASSES)], dimension=512, seed=0)

    def seconds(width: int) -> float:
        features_ND, labels = _vectors(1500, width)
        data = TrainingData(
            features_ND=features_ND,
            labels=labels.astype(np.int32),
            validation_features_ND=features_ND[:100],
            validation_labels=labels[:100].astype(np.int32),
        )
        settings = TrainingSettings(preset="sdml-reference", epochs=4)
        found = fit(data, subspace.projection_KC, settings, threads=1, clock=time.process_time)
        return 100 / max(epoch.samples_per_second for epoch in found.history)

    return fitted(
        "training: one step of 100, 1 thread, by input features",
        "FLOP",
        sizes,
        lambda width: Network(features=width).step_flops(100),
        seconds,
    )


def _evaluation(sizes: Sizes, *, queries: int) -> Line:
    """One direction by the size of the gallery."""

    def seconds(gallery: int) -> float:
        codes_GK, labels = _vectors(gallery, CODE)
        query_QK, wanted = _vectors(queries, CODE, seed=1)
        return _best(
            lambda: score_codes(query_QK, wanted, codes_GK, labels, protocol=Protocol(), threads=1)
        )

    return fitted(
        f"evaluation: {queries} queries, by gallery items",
        "query · gallery · log2 gallery",
        sizes,
        lambda gallery: evaluation_work(queries, gallery),
        seconds,
    )


def _prepare(sizes: Sizes, folder: Path) -> Line:
    """One modality of 128 features from an .npz, by its samples."""

    def seconds(rows: int) -> float:
        features_ND, labels = _vectors(rows, 128)
        np.savez(folder / "x.npz", X=features_ND, y=labels)
        taken = []
        for attempt in range(3):
            name = f"{rows}-{attempt}"
            file = folder / f"{name}.yaml"
            settings = {
                "collection": "scale",
                "store": str(folder / name),
                "tracking": None,
                "modalities": {"image": {"source": str(folder / "x.npz")}},
            }
            file.write_text(json.dumps(settings), encoding="utf-8")
            context = Context.open(read_experiment(file), track=False)
            taken.append(_best(lambda: prepare(context), times=1))  # noqa: B023  (called at once)
        return min(taken)

    return fitted(
        "prepare: 128 features, by samples", "byte", sizes, lambda rows: 512.0 * rows, seconds
    )


def _transfer(sizes: Sizes, folder: Path, uri: str | None) -> Line:
    """Publish one object and read it verified, by its MiB."""
    store = open_store(uri or str(folder / "store"))
    turn = iter(range(1000))

    def seconds(mebibytes: int) -> float:
        data = folder / "object.bin"
        data.write_bytes(np.random.default_rng(0).bytes(mebibytes << 20))

        def there_and_back() -> None:
            name = f"scale-{time.time_ns()}-{next(turn)}"
            catalog = Catalog(store, "scale")
            version = catalog.publish("report", objects={"object.bin": data}, id=name)
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                Catalog(store, "scale", Path(scratch)).local(version, "object.bin")
            for record in store.list(f"scale/{version.path}/"):
                store.delete(record.key)

        return _best(there_and_back, clock=time.perf_counter if uri else time.process_time)

    return fitted(
        "store: publish and read verified, by MiB",
        "byte",
        sizes,
        lambda mebibytes: float(mebibytes << 20),
        seconds,
    )


def _search(sizes: Sizes) -> Line:
    """64 queries by the size of the gallery."""

    def seconds(gallery: int) -> float:
        codes_GK, _ = _vectors(gallery, CODE)
        query_QK, _ = _vectors(64, CODE, seed=1)
        return _best(lambda: search(query_QK, codes_GK, 10, threads=1))

    return fitted(
        "search: 64 queries, by gallery items",
        "query · gallery",
        sizes,
        lambda gallery: 64.0 * gallery,
        seconds,
    )
