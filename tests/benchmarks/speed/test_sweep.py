"""The measurement of several settings at once: both ways end where each setting ends alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from benchmarks.speed import sweep
from benchmarks.speed.figure import Options


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_every_way_makes_the_same_encoders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    shape = sweep._Shape("small", features=12, hidden=(48, 48), code=16, batches=2)
    monkeypatch.setattr(sweep, "_SHAPES", (shape,))
    figures = list(sweep.measure(Options(quick=True, threads=1)))
    assert len(figures) == 2
    for figure in figures:
        assert figure.name.startswith("cpu, small, 4 λ")
        assert float(str(figure.also["difference"])) < 1e-5
        assert all(ratio > 0 for ratio in figure.ratios)
