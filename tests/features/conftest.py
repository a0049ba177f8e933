from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdml.experiment import ModalitySettings
from sdml.features import Table, read_table
from tests.features.loaded import Loaded, build_loaded

Arrays = dict[str, Any]


@pytest.fixture
def arrays() -> Arrays:
    """30 samples of 3 classes in splits of 18, 6 and 6; features no two alike."""
    generator = np.random.default_rng(0)
    return {
        "X": generator.normal(size=(30, 4)),
        "y": np.arange(30) % 3,
        "split": np.repeat([0, 1, 2], [18, 6, 6]),
    }


@pytest.fixture
def read() -> Callable[..., Table]:
    def call(source: Path | str, **settings: Any) -> Table:
        table = read_table(ModalitySettings(source=str(source), **settings), name="image")
        if table.features is not None:
            table.features.check()
        return table

    return call


@pytest.fixture
def build(tmp_path: Path, arrays: dict[str, Any]) -> Callable[..., Loaded]:
    """The feature set of the standard arrays, some of them replaced."""

    def call(
        classes: Sequence[str] = ("0", "1", "2"),
        changes: dict[str, Any] | None = None,
        **settings: Any,
    ) -> Loaded:
        held = {k: v for k, v in (arrays | (changes or {})).items() if v is not None}
        np.savez(tmp_path / "a.npz", **held)
        chosen = ModalitySettings(source=str(tmp_path / "a.npz"), **settings)
        table = read_table(chosen, name="image")
        return build_loaded(table, chosen, classes, tmp_path / "made")

    return call
