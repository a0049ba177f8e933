from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdml.steps.schedule import Job, Machine, makespan, scheduled, startable

HOUR = 3600.0


def job(name: str, seconds: float, **given: object) -> Job:
    wanted = {"name": name, "seconds": seconds, "step_seconds": 0.1, "memory": 1, **given}
    return Job(**wanted)  # type: ignore[arg-type]


def machine(cores: int, **given: int) -> Machine:
    return Machine(cores=cores, **{"memory": 100, **given})


def threads(plan: list[Job]) -> dict[str, int]:
    return {job.name: job.threads for job in plan}


def test_alone_it_has_all_cores() -> None:
    assert threads(scheduled([job("a", HOUR)], machine(8))) == {"a": 8}


def test_many_have_one_each_longest_first() -> None:
    """XMedia's five on two cores: 87, 69, 21, 10.6 and 6.6 s in the paper."""
    times = {"image": 87.0, "text": 69.0, "audio": 6.6, "3d": 10.6, "video": 21.0}
    plan = scheduled([job(name, seconds) for name, seconds in times.items()], machine(2))
    assert [one.name for one in plan] == ["image", "text", "video", "3d", "audio"]
    assert set(threads(plan).values()) == {1}
    assert makespan(plan, machine(2)) == pytest.approx(87 + 10.6)


def test_cores_that_would_idle_go_to_the_longest() -> None:
    plan = scheduled([job("a", 3 * HOUR), job("b", HOUR)], machine(4))
    assert threads(plan) == {"a": 3, "b": 1}
    assert threads(scheduled([job(n, HOUR) for n in "abc"], machine(2))) == {"a": 1, "b": 1, "c": 2}


def test_a_small_network_gains_nothing_by_threads() -> None:
    plan = scheduled([job("a", HOUR, step_seconds=1e-3)], machine(8))
    assert threads(plan) == {"a": 1}


def test_what_settings_say_is_kept() -> None:
    plan = scheduled([job("a", HOUR, threads=3, fixed=True), job("b", HOUR)], machine(2))
    assert threads(plan)["a"] == 3


def test_memory_is_shared_too() -> None:
    jobs = [job(name, HOUR, memory=60, step_seconds=1e-3) for name in "ab"]
    assert makespan(scheduled(jobs, machine(4)), machine(4)) == 2 * HOUR
    (huge,) = scheduled([job("a", HOUR, memory=1000)], machine(4))
    assert startable([huge], [], machine(4)) is huge


def test_a_few_share_a_gpu() -> None:
    jobs = [job(str(number), HOUR, gpu=True) for number in range(10)]
    on_one, on_two = machine(16, gpus=1), machine(16, gpus=2)
    assert set(threads(scheduled(jobs, on_one)).values()) == {1}
    assert makespan(jobs, on_one) == 3 * HOUR
    assert makespan(jobs, on_two) == 2 * HOUR


JOBS = st.lists(st.floats(1, 1e5), min_size=1, max_size=12)


@given(JOBS, st.integers(1, 32))
def test_never_worse_than_one_after_the_other_nor_than_one_thread(
    seconds: list[float], cores: int
) -> None:
    jobs = [job(str(number), value) for number, value in enumerate(seconds)]
    found = makespan(scheduled(jobs, machine(cores)), machine(cores))
    ordered = sorted(jobs, key=lambda one: -one.seconds)
    assert found <= makespan(ordered, machine(cores)) * (1 + 1e-9)
    assert found <= sum(seconds) / cores**0.8 * (1 + 1e-9)
    assert found >= sum(seconds) / cores * (1 - 1e-9)


@given(JOBS, st.integers(1, 8), st.integers(1, 200))
def test_what_runs_fits(seconds: list[float], cores: int, memory: int) -> None:
    plan = scheduled(
        [job(str(number), value, memory=50) for number, value in enumerate(seconds)],
        machine(cores, memory=memory),
    )
    waiting, running = list(plan), list[Job]()
    for _ in itertools.count():
        one = startable(waiting, running, machine(cores, memory=memory))
        if one is not None:
            waiting.remove(one)
            running.append(one)
        elif running:
            assert sum(r.threads for r in running) <= cores
            assert len(running) == 1 or 50 * len(running) <= memory
            running.pop(0)
        else:
            break
    assert not waiting
    assert math.isfinite(makespan(plan, machine(cores, memory=memory)))
