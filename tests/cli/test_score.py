from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Run


@pytest.fixture
def arguments(tmp_path: Path) -> list[object]:
    generator = np.random.default_rng(0)
    found: list[object] = ["score"]
    for side, items in (("query", 6), ("gallery", 9)):
        np.save(tmp_path / f"{side}.npy", generator.normal(size=(items, 4)))
        np.save(tmp_path / f"{side}_y.npy", np.arange(items) % 3)
        found += [f"--{side}", tmp_path / f"{side}.npy"]
        found += [f"--{side}-labels", tmp_path / f"{side}_y.npy"]
    return found


def test_json_has_exactly_these_keys(run: Run, arguments: list[object]) -> None:
    scored = run(*arguments, "--json", "--top-k", "4")
    assert (scored.code, scored.err) == (0, "")
    assert set(scored.json) == {"map", "map_at_k", "k", "chance", "queries", "gallery"}
    assert (scored.json["k"], scored.json["queries"], scored.json["gallery"]) == (4, 6, 9)


def test_the_defaults_are_those_of_the_protocol(run: Run, arguments: list[object]) -> None:
    spelled = (
        "--top-k", "50", "--denominator", "min", "--empty-query", "zero", "--relevance", "any",
        "--similarity", "cosine",
    )  # fmt: skip
    assert run(*arguments, "--json").json == run(*arguments, *spelled, "--json").json


@pytest.mark.parametrize(
    "option",
    [("--top-k", "1"), ("--top-k", "2", "--denominator", "hits"), ("--similarity", "inner")],
)
def test_options_change_the_result(
    run: Run, arguments: list[object], option: tuple[str, ...]
) -> None:
    assert run(*arguments, "--json").json != run(*arguments, *option, "--json").json


def test_text(run: Run, arguments: list[object]) -> None:
    found = run(*arguments, "--json").json
    assert run(*arguments).out == (
        f"mAP     {found['map']:.4f}   (chance {found['chance']:.4f})\n"
        f"mAP@50  {found['map_at_k']:.4f}\n"
        "6 queries, 9 gallery items\n"
    )
