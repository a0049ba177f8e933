from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from sdml.errors import StoreFullError
from sdml.steps import code_files
from sdml.steps.code_files import room_for
from sdml.steps.encoders import codes_of, newest_encoder, open_encoder
from sdml.steps.evaluate import evaluate
from tests.steps import tiny


def test_few_codes_stay_in_memory(tmp_path: Path) -> None:
    room_NK = room_for((3, 4), tmp_path / "scratch")
    assert not isinstance(room_NK, np.memmap)
    assert room_NK.shape == (3, 4)
    assert not (tmp_path / "scratch").exists()


def test_many_codes_go_to_a_file_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_files, "IN_MEMORY", 10)
    room_NK = room_for((3, 4), tmp_path / "scratch")
    assert isinstance(room_NK, np.memmap)
    room_NK[...] = 2.5
    assert room_NK.sum() == 30
    assert list((tmp_path / "scratch").iterdir()) == []


def test_an_evaluation_from_files_gives_the_same_bits(
    finished: Path, plain_report: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = tiny.open_file(finished / "experiment.yaml")
    encoder = open_encoder(context, newest_encoder(context, "image"))
    inside = codes_of(context, encoder, "test")[0]
    pairs = evaluate(context).pairs
    monkeypatch.setattr(code_files, "IN_MEMORY", 10)
    outside = codes_of(context, encoder, "test")[0]
    assert isinstance(outside, np.memmap)
    assert np.array_equal(inside, outside)
    assert evaluate(context).pairs == pairs


def test_a_full_scratch_folder_is_said_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(code_files, "IN_MEMORY", 10)
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(StoreFullError, match=str(tmp_path)):
        room_for((3, 4), tmp_path)
