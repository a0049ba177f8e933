from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.cli.conftest import Run
from tests.steps import tiny


def test_json_and_text(run: Run, finished: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", tiny.arrays("image")["X"][:5])
    arguments = ("embed", finished, "--modality", "image", "--input", tmp_path / "x.npy")
    output = tmp_path / "codes.npy"
    made = run(*arguments, "--output", output, "--json")
    assert (made.code, made.err) == (0, "")
    items = run("list", finished, "--json").json["items"]
    (encoder,) = (i["uri"] for i in items if (i["kind"], i["modality"]) == ("encoder", "image"))
    assert made.json == {"output": str(output), "rows": 5, "dimension": 16, "encoder": encoder}
    assert np.load(output).shape == (5, 16)
    assert run(*arguments, "--output", output).out == f"{output}: 5 codes of width 16\n"
