"""When a checkpoint is due, by a clock that a test moves."""

from __future__ import annotations

import pytest

from sdml.training.pace import SAVING, Pace


class Saves:
    def __init__(self, takes: float) -> None:
        self.now, self.takes, self.at = 0.0, takes, list[float]()

    def __call__(self) -> None:
        self.at.append(self.now)
        self.now += self.takes


@pytest.mark.parametrize(("takes", "apart"), [(0.0, 10.0), (0.05, 10.0), (0.5, 50.0)])
def test_saves_are_as_far_apart_as_both_ask(takes: float, apart: float) -> None:
    saves = Saves(takes)
    pace = Pace(lambda: saves.now)
    while saves.now < 500:
        saves.now += 0.25
        pace.save(saves, seconds=10)
    between = [b - a - takes for a, b in zip(saves.at, saves.at[1:], strict=False)]
    assert saves.at[0] == 10  # what a save takes is known after the first
    assert all(apart - 1e-6 <= each <= apart + 0.5 for each in between)
    assert len(saves.at) * takes <= SAVING * 500 + takes


def test_without_seconds_each_is_made() -> None:
    saves = Saves(5.0)
    pace = Pace(lambda: saves.now)
    for _ in range(3):
        pace.save(saves, seconds=0)
    assert saves.at == [0, 5, 10]
