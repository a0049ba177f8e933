"""The formulas, against what the product and the paper's shapes say."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest
from torch import nn

from benchmarks.scale.fit import fitted
from benchmarks.scale.growth import SAMPLES, rows, short, size, table
from benchmarks.scale.model import (
    Accelerator,
    Network,
    Plan,
    directions,
    newest_requests,
    pods,
    transfer_requests,
)
from benchmarks.scale.requests import of_a_run, of_the_newest
from benchmarks.scale.tracking import load
from sdml.tracking.sender import pace


def test_the_published_step() -> None:
    network = Network()
    layers = [(4096, 1024), (1024, 1024), (1024, 512), (512, 1024), (1024, 1024), (1024, 4096)]
    weights = sum(nn.Linear(*layer).weight.numel() for layer in layers)
    assert network.weights == weights
    forward = 2 * 100 * weights
    assert network.step_flops(100) == 3 * forward - 2 * 100 * 4096 * 1024
    assert network.step_flops(100) == pytest.approx(6.08e9, rel=0.001)
    assert network.step_bytes == pytest.approx(323e6, rel=0.001)


def test_gpu_hours_are_steps_times_their_time() -> None:
    plan = Plan(samples=1050, modalities=3, epochs=2)
    device = Accelerator()
    assert plan.steps == 22
    expected = 66 * device.step_seconds(Network(), 100) / 3600
    assert plan.gpu_hours(device) == pytest.approx(expected)
    assert 3e-4 < device.step_seconds(Network(), 100) < 4e-4


def test_parts_of_transfers() -> None:
    assert transfer_requests(8 << 20) == 1
    assert transfer_requests((8 << 20) + 1) == 2 + 2
    assert transfer_requests(900 << 23) == 2 + 900
    assert transfer_requests(10**13) <= 2 + 900


@pytest.mark.parametrize("versions", [1, 7])
def test_the_newest_is_found_with_the_requests_foretold(versions: int) -> None:
    counted = of_the_newest(versions)
    assert sum(counted.values()) == newest_requests(versions, 4, by_id=True) == 2
    assert newest_requests(10_000, 4, by_id=True) == 11
    assert newest_requests(10_000, 4, by_id=False) == 10_040


def test_pods_of_a_run_follow_the_compiled_pipeline() -> None:
    # A task is its driver and itself: begin, prepare, gather, evaluate, finish, two trainings.
    # Drivers alone: of the run, of the exit handler, of the loop and of its two iterations.
    assert pods(2) == 2 * 7 + 1 + 1 + 1 + 2
    assert pods(100) - pods(99) == 3
    assert pods(5, values=3) == 10 + 3 + 45 + (1 + 3 * 3 - 2)
    assert directions(100) == 9900


def test_a_line_is_exact_where_costs_are_linear() -> None:
    line = fitted("a", "b", (1, 2, 5), float, lambda n: 3.0 + 2.0 * n)
    assert (line.constant, line.price) == (3.0, 2.0)
    assert line.error == pytest.approx(0.0)
    curved = fitted("a", "b", (1, 2, 5), float, lambda n: float(n**2))
    assert curved.constant == 0.0
    assert curved.at(2) == 4.0
    assert curved.error == pytest.approx(10 / 25 - 1)


def test_requests_grow_with_each_modality_alike(tmp_path: Path) -> None:
    totals = []
    for modalities in (2, 3, 5):
        folder = tmp_path / str(modalities)
        folder.mkdir()
        totals.append(of_a_run(modalities, folder).total)
    two, three, five = totals
    assert five == two + 3 * (three - two)


def test_the_server_is_never_given_more_than_it_takes() -> None:
    for runs in (1, 10, 100, 1000):
        for epoch in (0.01, 1.0, 100.0):
            found = load(runs, epoch, call=0.04, metric=1e-4, pace=pace)
            assert found.taken <= found.offered
            assert found.taken <= 1000 / (0.04 + 0.1) + 1e-6
            assert found.answer >= 0.04
    # Far from full, an answer takes one service, and a metric costs what it costs.
    alone = load(1, 100.0, call=0.04, metric=1e-4, pace=pace)
    assert alone.answer == pytest.approx(0.04 + 8e-4, rel=0.01)
    assert alone.taken == alone.offered == 0.08


def test_a_hundred_fast_runs_are_answered_in_time_only_at_the_new_pace() -> None:
    fixed = load(100, 0.04, call=0.042, metric=1.2e-4, pace=lambda _: 0.5)
    found = load(100, 0.04, call=0.042, metric=1.2e-4, pace=pace)
    assert fixed.answer > 10 > found.answer


def test_the_table_has_every_size_and_grows() -> None:
    lines = {
        name: fitted(name, "x", (1, 2, 3), float, lambda n: 1e-9 * n)
        for name in ("evaluation", "prepare", "search", "requests")
    }
    made = rows(lines, lines["requests"], Accelerator())
    assert [row.samples for row in made[: len(SAMPLES)]] == list(SAMPLES)
    assert table(made).count("\n") == len(made) + 1
    for before, after in itertools.pairwise(made):
        if before.modalities == after.modalities:
            assert after.evaluation_hours >= before.evaluation_hours
            assert after.sampled_hours <= after.evaluation_hours
            assert after.features == 10 * before.features


def test_numbers_for_people() -> None:
    assert short(0) == "0"
    assert short(1234.5) == "1,200"
    assert short(0.001234) == "1e-3"
    assert short(3e9) == "3e9"
    assert size(1536) == "1.5 KiB"
    assert size(2**50) == "1,020 TiB"
    assert not math.isnan(float(short(99.9)))
