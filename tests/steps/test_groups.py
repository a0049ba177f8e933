"""The order in which several modalities are trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdml.errors import DataError, ExperimentError
from sdml.steps.groups import in_order, planned_groups
from sdml.steps.prepare import prepare
from tests.steps import paired, tiny
from tests.steps.conftest import MakeContext

ALL = ("image", "text", "audio")


def against(partner: str) -> dict[str, object]:
    return {"method": "mtls", "mtls": {"partner": partner}}


def test_a_partner_comes_first(make: MakeContext) -> None:
    plain = make(*ALL)
    assert in_order(plain, ALL) == [list(ALL)]
    context = make(*ALL, modalities={"image": against("text"), "audio": against("image")})
    assert in_order(context, ALL) == [["text"], ["image"], ["audio"]]
    assert in_order(context, ["audio", "text"]) == [["audio", "text"]]


def test_a_circle_has_no_first(make: MakeContext) -> None:
    context = make(*ALL, modalities={"image": against("text"), "text": against("image")})
    with pytest.raises(ExperimentError, match=r"image, text wait for each other.*--modality"):
        in_order(context, ALL)
    assert in_order(context, ["text"]) == [["text"]]


def test_no_pairs_is_said_before_anything_starts(tmp_path: Path) -> None:
    made = paired.arrays()["text"]["y"]
    paired.write_sources(tmp_path, text={"y": made[::-1]})
    context = tiny.open_file(tiny.write_experiment(tmp_path, "image", "text", **paired.sections()))
    prepare(context)
    with pytest.raises(DataError, match="row 0 "):
        planned_groups(context, ["text", "image"])


def test_the_first_group_is_planned(tmp_path: Path) -> None:
    paired.write_sources(tmp_path)
    context = tiny.open_file(tiny.write_experiment(tmp_path, "image", "text", **paired.sections()))
    prepare(context)
    plan, later = planned_groups(context, ["text", "image"])
    assert [job.name for job in plan.jobs] == ["image"]
    assert later == [["text"]]
