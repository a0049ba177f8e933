"""The simulated queue keeps its own rules, and those of fair sharing in the limit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.scale.queue import Job, Schedule, Team, lower_bound, simulate

NAMES = ("a", "b", "c")


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Job], list[Team]]:
    quotas = draw(st.lists(st.integers(0, 4), min_size=3, max_size=3).filter(any))
    teams = [
        Team(name=name, quota=quota, weight=draw(st.sampled_from([0.0, 0.5, 1.0, 3.0])))
        for name, quota in zip(NAMES, quotas, strict=True)
    ]
    one = st.builds(
        Job,
        team=st.sampled_from(NAMES),
        hours=st.integers(1, 20).map(lambda n: n / 4),
        arrival=st.sampled_from([0.0, 0.0, 1.0, 2.5]),
        gpus=st.integers(1, min(3, sum(quotas))),
    )
    return draw(st.lists(one, max_size=15)), teams


def used_at(schedule: Schedule, jobs: list[Job], time: float) -> dict[str, int]:
    used: dict[str, int] = defaultdict(int)
    for part in schedule.slices:
        if part.begin <= time < part.end:
            used[jobs[part.job].team] += jobs[part.job].gpus
    return used


@settings(max_examples=150, deadline=None)
@given(worlds(), st.booleans())
def test_work_is_conserved_and_no_gpu_is_used_twice(
    world: tuple[list[Job], list[Team]], preempt: bool
) -> None:
    jobs, teams = world
    schedule = simulate(jobs, teams, preempt=preempt)
    done: dict[int, float] = defaultdict(float)
    for part in schedule.slices:
        assert part.begin >= jobs[part.job].arrival
        done[part.job] += part.end - part.begin
    assert {n: pytest.approx(job.hours) for n, job in enumerate(jobs)} == done
    capacity = sum(team.quota for team in teams)
    for time in {part.begin for part in schedule.slices}:
        assert sum(used_at(schedule, jobs, time).values()) <= capacity
    for number, job in enumerate(jobs):
        assert schedule.ends[number] >= schedule.starts[number] + job.hours - 1e-9
    assert preempt or schedule.preemptions == 0


@settings(max_examples=150, deadline=None)
@given(worlds(), st.booleans(), st.sampled_from([0.0, 0.5]))
def test_the_lower_bound_is_never_beaten(
    world: tuple[list[Job], list[Team]], preempt: bool, lost: float
) -> None:
    jobs, teams = world
    schedule = simulate(jobs, teams, preempt=preempt, lost=lost)
    bound = lower_bound(jobs, sum(team.quota for team in teams))
    assert schedule.makespan >= bound - 1e-9


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_with_single_gpu_jobs_list_scheduling_is_within_grahams_bound(
    world: tuple[list[Job], list[Team]],
) -> None:
    """No GPU idles while a job waits, so the makespan is below (2 - 1/g) times the bound."""
    given_jobs, teams = world
    jobs = [Job(team=job.team, hours=job.hours) for job in given_jobs]
    gpus = sum(team.quota for team in teams)
    schedule = simulate(jobs, teams)
    assert schedule.makespan <= (2 - 1 / gpus) * lower_bound(jobs, gpus) + 1e-9


def test_degenerate_queues() -> None:
    team = [Team(name="a", quota=1)]
    assert simulate([], team).makespan == 0 == lower_bound([], 1)
    jobs = [Job(team="a", hours=2.0) for _ in range(3)]
    one = simulate(jobs, team)
    assert one.ends == (2.0, 4.0, 6.0)
    assert one.makespan == lower_bound(jobs, 1)
    three = simulate(jobs, [Team(name="a", quota=3)])
    assert three.ends == (2.0, 2.0, 2.0)
    with pytest.raises(ValueError, match="fit the cohort"):
        simulate([Job(team="a", hours=1, gpus=2)], team)
    with pytest.raises(ValueError, match="one of it"):
        simulate([Job(team="z", hours=1)], team)


def busy(names: Sequence[str]) -> list[Job]:
    """So many jobs that all of these teams wait for long; no two end at the same time."""
    hours = np.random.default_rng(0).uniform(0.5, 2.0, size=(600, len(names)))
    return [Job(team=t, hours=float(h)) for row in hours for t, h in zip(names, row, strict=True)]


@pytest.mark.parametrize("preempt", [False, True])
def test_borrowed_gpus_are_shared_by_weight(preempt: bool) -> None:
    teams = [
        Team(name="a", quota=0, weight=1.0),
        Team(name="b", quota=0, weight=3.0),
        Team(name="idle", quota=40),
    ]
    jobs = busy(["a", "b"])
    schedule = simulate(jobs, teams, preempt=preempt)
    for time in (10.0, 15.0):
        used = used_at(schedule, jobs, time)
        assert used["a"] + used["b"] == 40
        assert abs(used["a"] - 10) <= 1


@pytest.mark.parametrize("preempt", [False, True])
def test_everybody_keeps_the_nominal_quota(preempt: bool) -> None:
    teams = [Team(name="a", quota=6), Team(name="b", quota=10), Team(name="c", quota=4)]
    jobs = busy(NAMES)
    schedule = simulate(jobs, teams, preempt=preempt)
    assert used_at(schedule, jobs, 10.0) == {"a": 6, "b": 10, "c": 4}


def test_a_team_that_comes_late_waits_unless_it_may_reclaim() -> None:
    teams = [Team(name="early", quota=4), Team(name="late", quota=4)]
    jobs = [Job(team="early", hours=10.0) for _ in range(8)]
    jobs += [Job(team="late", hours=1.0, arrival=1.0) for _ in range(4)]
    patient = simulate(jobs, teams)
    assert patient.starts[8:] == (10.0,) * 4
    reclaimed = simulate(jobs, teams, preempt=True, lost=0.25)
    assert reclaimed.starts[8:] == (1.0,) * 4
    assert reclaimed.preemptions == 4
    # The four that made room had 1 hour done, of which they do a quarter again from 2 on.
    assert sorted(reclaimed.ends[:8]) == [10.0] * 4 + [11.25] * 4


def test_fair_sharing_moves_borrowed_gpus_to_who_has_fewer() -> None:
    teams = [Team(name="a", quota=0), Team(name="b", quota=0), Team(name="idle", quota=6)]
    jobs = [Job(team="a", hours=10.0) for _ in range(6)]
    jobs += [Job(team="b", hours=10.0, arrival=1.0) for _ in range(6)]
    schedule = simulate(jobs, teams, preempt=True)
    assert used_at(schedule, jobs, 1.5) == {"a": 3, "b": 3}
    assert sum(part.end == 1.0 for part in schedule.slices) == 3
