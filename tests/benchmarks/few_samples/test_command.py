"""The command: cells are computed once, and the table holds them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.few_samples.__main__ import main

ARGUMENTS = ["--family", "lifted", "--per-class", "20", "--seeds", "1", "--epochs", "1"]


@pytest.mark.slow
def test_presets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*ARGUMENTS, "--only", "classifiers", "sdml", "--output", str(tmp_path)]
    assert main(arguments) == 0
    first = capsys.readouterr().out
    rows = {line.split("|")[1].strip(): line for line in first.splitlines()[2:]}
    assert set(rows) == {"classifiers, posterior", "sdml, posterior", "sdml, cosine"}
    figures = {name: float(line.split("|")[2]) for name, line in rows.items()}
    assert figures["sdml, posterior"] > figures["classifiers, posterior"] > 0.5
    cells = (tmp_path / "cells.jsonl").read_text()
    image = tmp_path / "images" / "few.svg"
    assert main([*arguments, "--figure", str(image)]) == 0
    shown = set(re.findall(r">(\w+, \w+|\w+|\d+ a class)<", image.read_text()))
    assert {"lifted", "20 a class", "classifiers, posterior", "sdml, posterior"} <= shown
    assert "sdml, cosine" not in shown
    assert capsys.readouterr().out == first
    assert (tmp_path / "cells.jsonl").read_text() == cells
