"""The pages by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from benchmarks.figures import (
    convergence,
    costs,
    curves,
    labels,
    lambda_sweep,
    multi_label,
    subspaces,
)
from benchmarks.figures.page import Options, Page

PAGES: Mapping[str, Callable[[Options], Page]] = MappingProxyType(
    {
        "lambda": lambda_sweep.page,
        "convergence": convergence.page,
        "curves": curves.page,
        "costs": costs.page,
        "labels": labels.page,
        "multi-label": multi_label.page,
        "subspaces": subspaces.page,
    }
)
