"""Several real processes train what one would, stop together and hear of each other's failures."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sdml.errors import ExperimentError, UserError
from sdml.experiment import TrainingSettings
from sdml.training import ALONE, Place, fit, joined, parallel
from sdml.training.device import find_device
from tests.training.rank import CASES, data_of, outcome
from tests.training.trainee import SUBSPACE

ROOT = Path(__file__).parents[2]
Made = Mapping[str, list[dict[str, Any]]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def run_ranks(folder: Path, size: int, *cases: str) -> list[subprocess.Popen[str]]:
    """Start them, and wait until all have ended."""
    environment = {
        "WORLD_SIZE": str(size),
        "LOCAL_WORLD_SIZE": str(size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.training.rank", str(folder), *cases],
            cwd=ROOT,
            env={**os.environ, **environment, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(size)
    ]
    try:
        for process in processes:
            _, said = process.communicate(timeout=300)
            assert process.returncode == 0, said
    finally:
        for process in processes:
            process.kill()
    return processes


def made_by(folder: Path, size: int, *cases: str) -> Made:
    run_ranks(folder, size, *cases)
    return {
        case: [
            json.loads((folder / f"{case}.{rank}.json").read_text(encoding="utf-8"))
            for rank in range(size)
        ]
        for case in cases
    }


STOPS = ["stopped-1", "stopped-9", "stopped-13"]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """What two ranks have made of all cases."""
    return made_by(tmp_path_factory.mktemp("two"), 2, "answers", *CASES, *STOPS)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """What three ranks have made of some."""
    return made_by(tmp_path_factory.mktemp("three"), 3, "plain", "one_row_left")


def assert_the_training_of_one_process(name: str, made: dict[str, Any]) -> None:
    expected = outcome(fit(data_of(name), SUBSPACE.projection_KC, CASES[name]))
    assert made["best_epoch"] == expected["best_epoch"]
    assert len(made["history"]) == len(expected["history"])
    for one, other in zip(made["history"], expected["history"], strict=True):
        assert one.keys() == other.keys()
        np.testing.assert_allclose(list(one.values()), list(other.values()), rtol=1e-5)
    assert made["norm"] == pytest.approx(expected["norm"], rel=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_two_processes_have_the_losses_of_one(two: Made, name: str) -> None:
    assert_the_training_of_one_process(name, two[name][0])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plain", "one_row_left"])
def test_three_processes_have_the_losses_of_one(three: Made, name: str) -> None:
    assert_the_training_of_one_process(name, three[name][0])


@pytest.mark.parametrize("name", CASES)
def test_all_ranks_end_with_the_same_bits(two: Made, name: str) -> None:
    assert two[name][0] == two[name][1]


@pytest.mark.parametrize("name", STOPS)
def test_one_is_told_to_stop_and_all_do_and_go_on(two: Made, name: str) -> None:
    whole = two["plain"][0]
    for rank, made in enumerate(two[name]):
        assert made["encoder"] == whole["encoder"]
        assert made["history"] == whole["history"]
        assert made["said"] == two[name][0]["said"]
        assert made["said"].startswith("Interrupted: ")
        assert made["kept"] == (rank == 0)  # rank 1 has got the checkpoint of rank 0
        asks = int(name.removeprefix("stopped-"))
        assert made["asked"] == asks + 1  # all heard of it at the next batch
        assert made["resumed_from"] == (asks - 1) // 7


def test_messages(two: Made) -> None:
    leading, other = two["answers"]
    for made in (leading, other):
        assert made["any"] == [False, False, True, False, True]
        assert all(made[name] is True for name in ("bytes", "empty", "none", "text"))
        assert made["still"] == "here"
    assert leading["failed"] == "StoreUnavailableError: no answer"
    assert other["failed"].startswith("RankError: process 1 of a training ends, since process 0")


GOOD = {
    "RANK": "1",
    "WORLD_SIZE": "2",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "2",
    "MASTER_ADDR": "127.0.0.1",
    "MASTER_PORT": "1",
}


@pytest.mark.parametrize("environment", [{}, {"WORLD_SIZE": "1"}, {"RANK": "0", "WORLD_SIZE": "1"}])
def test_without_others_it_is_alone(environment: dict[str, str]) -> None:
    with joined(Place.of_environment(environment), "cpu") as ranks:
        assert ranks is ALONE
    assert ALONE.leads
    assert (ALONE.any(True), ALONE.any(False)) == (True, False)
    assert ALONE.first(lambda: None) is None
    assert ALONE.first_text(lambda: "λ") == "λ"


@pytest.mark.parametrize(
    "change",
    [
        {"RANK": "2"},
        {"RANK": "-1"},
        {"WORLD_SIZE": "3", "RANK": "3"},
        {"LOCAL_RANK": "2"},
        {"LOCAL_WORLD_SIZE": "3"},
        {"WORLD_SIZE": "0"},
        {"MASTER_ADDR": ""},
        {"MASTER_PORT": "0"},
    ],
)
def test_an_environment_that_does_not_fit_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(UserError, match="--processes or torchrun"):
        Place.of_environment(GOOD | change)


def test_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(UserError, match="RANK must be a number, not 'first'"):
        Place.of_environment(GOOD | {"RANK": "first"})


def test_two_processes_cannot_have_the_same_gpu() -> None:
    with pytest.raises(ExperimentError, match="leave out the number"):
        find_device("cuda:0", local_rank=1, local_size=2)
    assert find_device("cpu", local_rank=1, local_size=2).type == "cpu"


@pytest.fixture(autouse=True)
def _no_group() -> Iterator[None]:
    """This process never joins one."""
    import torch.distributed as dist

    yield
    assert not dist.is_initialized()


def test_drcl_is_not_divided() -> None:
    place = Place(rank=0, size=2, local_size=2, address="127.0.0.1", port=1)
    group = parallel._Group(place, control=None)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="one process, not in 2"):
        group.learner(
            20, SUBSPACE.projection_KC, TrainingSettings(method="drcl"), torch.device("cpu")
        )
