"""What auto is: by method, settings, size and processor."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch

from sdml.experiment import TrainingSettings
from sdml.training.precision import decided

CPU = torch.device("cpu")


def machine(tmp_path: Path, *flags: str) -> Path:
    (tmp_path / "proc").mkdir()
    cores = "".join(f"processor : {n}\nflags\t\t: {line}\n\n" for n, line in enumerate(flags))
    (tmp_path / "proc/cpuinfo").write_text(cores, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("values", "flags", "expected"),
    [
        ({}, ["fpu avx512_bf16", "fpu avx512_bf16"], "bf16"),
        ({}, ["fpu amx_bf16 amx_tile"], "bf16"),
        ({"method": "classifier"}, ["fpu amx_bf16"], "bf16"),
        ({}, ["fpu avx512_bf16", "fpu avx512f"], "fp32"),
        ({}, [], "fp32"),
        ({"squared": True, "preset": "sdml-reference"}, ["amx_bf16"], "fp32"),
        ({"normalize_code": False, "preset": "sdml-reference"}, ["amx_bf16"], "fp32"),
        ({"normalize_reconstruction": False}, ["amx_bf16"], "fp32"),
        ({"hidden": [256, 256]}, ["amx_bf16"], "fp32"),
        ({"method": "drcl"}, ["amx_bf16"], "fp32"),
        ({"method": "mtls", "mtls": {"partner": "image"}}, ["amx_bf16"], "fp32"),
    ],
)
def test_auto(
    values: dict[str, Any],
    flags: list[str],
    expected: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = TrainingSettings.model_validate({"precision": "auto", **values})
    with caplog.at_level(logging.INFO, "sdml"):
        made = decided(settings, CPU, root=machine(tmp_path, *flags))
    assert made.precision == expected
    assert f"auto is {expected}: " in caplog.text
    assert made == settings.model_copy(update={"precision": expected})


def test_auto_without_a_list_of_processors_is_fp32(tmp_path: Path) -> None:
    settings = TrainingSettings(precision="auto")
    assert decided(settings, CPU, root=tmp_path).precision == "fp32"


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_what_is_said_is_kept(precision: Any, tmp_path: Path) -> None:
    settings = TrainingSettings(precision=precision)
    assert decided(settings, CPU, root=tmp_path) is settings
