"""Requests to the store by each step, counted while the step works on a store in memory.

A request is what S3 bills and answers: a put, a get, a head, a deletion, a page of a listing.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import numpy as np

from benchmarks.scale.model import PAGE
from sdml.experiment import read_experiment
from sdml.report.document import report_document
from sdml.retrieval import CrossModalResult
from sdml.steps.context import Context
from sdml.steps.evaluate import evaluate
from sdml.steps.prepare import prepare
from sdml.steps.search import search
from sdml.steps.train import train
from sdml.store import Catalog, MemoryStore, ObjectInfo
from sdml.store.files import Digest
from sdml.tracking import NullTracker


class CountingStore(MemoryStore):
    """A store in memory that counts what would be a request."""

    def __init__(self) -> None:
        super().__init__()
        self.count: Counter[str] = Counter()

    def put(self, key: str, data: bytes | Path) -> Digest:
        """See :meth:`Store.put`."""
        self.count["put"] += 1
        return super().put(key, data)

    def get(self, key: str) -> bytes:
        """See :meth:`Store.get`."""
        self.count["get"] += 1
        return super().get(key)

    def exists(self, key: str) -> bool:
        """See :meth:`Store.exists`."""
        self.count["head"] += 1
        return super().exists(key)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See :meth:`Store.list`."""
        found = list(super().list(prefix))
        self.count["list"] += max(1, math.ceil(len(found) / PAGE))
        yield from found

    def folders(self, prefix: str) -> Iterator[str]:
        """See :meth:`Store.folders`: a page holds a thousand folders."""
        found = list(dict.fromkeys(self._names(prefix)))
        self.count["list"] += max(1, math.ceil(len(found) / PAGE))
        yield from found

    def _names(self, prefix: str) -> Iterator[str]:
        for info in super().list(prefix):
            name, slash, _ = info.key.removeprefix(prefix).partition("/")
            if slash:
                yield name

    def delete(self, key: str) -> None:
        """See :meth:`Store.delete`."""
        self.count["delete"] += 1
        super().delete(key)


@dataclass(frozen=True, kw_only=True)
class Requests:
    """What one run of a pipeline with so many modalities asks of the store."""

    modalities: int
    by_step: dict[str, Counter[str]]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(sum(count.values()) for count in self.by_step.values())


def of_a_run(modalities: int, folder: Path) -> Requests:
    """Count prepare, each training, the evaluation and a search, each by a process of its own."""
    names = [f"modality{number:03d}" for number in range(modalities)]
    generator = np.random.default_rng(0)
    labels = np.arange(30) % 3
    source = folder / "x.npz"
    np.savez(source, X=generator.standard_normal((30, 4), dtype=np.float32), y=labels)
    np.save(folder / "q.npy", generator.standard_normal((1, 4), dtype=np.float32))
    file = folder / "requests.yaml"
    settings = {
        "collection": "scale",
        "tracking": None,
        "subspace": {"dimension": 4},
        "training": {"epochs": 1, "batch_size": 8, "hidden": [4], "threads": 1},
        "modalities": {name: {"source": str(source)} for name in names},
    }
    file.write_text(json.dumps(settings), encoding="utf-8")
    store = CountingStore()
    by_step: dict[str, Counter[str]] = {}

    def fresh() -> Context:
        return Context(
            experiment=read_experiment(file),
            catalog=Catalog(store, "scale", folder / "scratch"),
            tracker=NullTracker(),
            scratch=folder / "scratch",
        )

    def counted(step: str) -> None:
        by_step[step] = by_step.get(step, Counter()) + store.count
        store.count.clear()

    prepare(fresh())
    counted("prepare")
    for name in names:
        train(fresh(), name)
        counted("train")
    # Figures would take seconds, and are the same few objects for any number of modalities.
    with patch("sdml.steps.evaluate.build_report", _document_only):
        evaluate(fresh())
    counted("evaluate")
    search(fresh(), query=names[0], source=str(folder / "q.npy"), gallery=names[1], row=0, top=1)
    counted("search")
    return Requests(modalities=modalities, by_step=by_step)


def _document_only(result: CrossModalResult, **given: object) -> dict[str, bytes]:
    return {"report.json": report_document(result, **given)}  # type: ignore[arg-type]


def of_the_newest(versions: int) -> Counter[str]:
    """Count what finding the newest encoder of a modality asks, among so many."""
    store = CountingStore()
    start = datetime(2026, 1, 1, tzinfo=UTC)
    times = (start + timedelta(minutes=number) for number in range(versions))
    catalog = Catalog(store, "scale", clock=lambda: next(times))
    for number in range(versions):
        objects = dict.fromkeys(("encoder.safetensors", "history.json", "transform.json"), b"{}")
        catalog.publish("encoder", modality="image", objects=objects, settings={"n": number})
    store.count.clear()
    Catalog(store, "scale").latest("encoder", "image")
    return Counter(store.count)
