"""Which work is measured: a module each, with one function that yields its figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from types import MappingProxyType

from benchmarks.speed.figure import Figure, Options

Measure = Callable[[Options], Iterator[Figure]]

# name → its module here, and what it measures
WORK: Mapping[str, str] = MappingProxyType(
    {
        "evaluation": "mAP, mAP@50 and curves of one direction, from the codes on",
        "growth": "how an evaluation's cost and memory grow with queries and gallery",
        "prepare": "feature files into the store in bounded memory, against copying the file",
        "search": "exact search in a memory-mapped gallery, and an index",
        "streaming": "training on features larger than memory, against all of them in memory",
        "sweep": "eleven values of λ at once, against one after the other",
        "training": "training one modality: steps, agreement, memory, what is beside the steps",
        "gpu_training": "a training step on a GPU",
        "modalities": "several modalities on one machine",
        "data_parallel": "one modality in several processes",
        "store": "large and many objects in S3, with checksums",
    }
)


def measure_of(name: str) -> Measure:
    """The function of one piece of work; its module is only loaded now."""
    measure: Measure = import_module(f"benchmarks.speed.{name}").measure
    return measure
