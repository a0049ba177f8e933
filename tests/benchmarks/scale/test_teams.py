"""The simulated teams."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.scale.figure import draw
from benchmarks.scale.teams import POLICIES, jobs_of, outcome, teams_of


def test_jobs_are_seeded_and_divided_by_share() -> None:
    jobs = jobs_of(100, 3)
    assert jobs == jobs_of(100, 3)
    assert jobs != jobs_of(100, 4)
    names = [job.team for job in jobs]
    assert {name: names.count(name) for name in set(names)} == {
        "large": 60,
        "small": 20,
        "late": 20,
    }
    assert {job.arrival for job in jobs if job.team == "late"} == {2.0}
    hours = [job.hours for seed in range(50) for job in jobs_of(100, seed)]
    assert np.median(hours) == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize("gpus", [1, 4, 7, 64])
def test_quotas_are_all_the_gpus(gpus: int) -> None:
    assert sum(team.quota for team in teams_of(gpus)) == gpus


def test_outcomes_keep_the_bound_and_can_be_drawn(tmp_path: Path) -> None:
    made = [outcome(g, p, modalities=20, seeds=2) for g in (1, 4) for p in POLICIES]
    for one in made:
        assert one.worst >= one.ratio >= 1.0
        assert one.makespan >= one.bound > 0
        assert one.preemptions == 0 or one.policy == "reclaim"
    draw(made, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes()[:4] == b"\x89PNG"
