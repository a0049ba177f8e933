"""The history file: everything but the times, in deterministic bytes."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest

from sdml.errors import IntegrityError
from sdml.training.history import EpochRecord, history_from_json, history_to_json

RECORD = EpochRecord(
    epoch=1,
    train_loss=0.1,
    train_reconstruction=0.2,
    train_supervised=0.3,
    validation_loss=0.4,
    validation_reconstruction=0.5,
    validation_supervised=1 / 3,
    learning_rate=1e-4,
    samples_per_second=123.0,
)


def test_there_and_back_without_times() -> None:
    data = history_to_json([RECORD, dataclasses.replace(RECORD, epoch=2)])
    back = history_from_json(data, "f")
    assert [record.epoch for record in back] == [1, 2]
    assert math.isnan(back[0].samples_per_second)
    assert dataclasses.replace(back[0], samples_per_second=123.0) == RECORD
    assert history_to_json(back) == data
    assert b"second" not in data


def test_it_is_json() -> None:
    (record,) = json.loads(history_to_json([RECORD]))
    assert record["validation_supervised"] == 1 / 3


@pytest.mark.parametrize("data", [b"", b"[1]", b'[{"epoch": 1}]', b"3", b'[{"bad": 1}]', b"\xff"])
def test_anything_else_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(IntegrityError, match=r"history\.json"):
        history_from_json(data, "history.json")
