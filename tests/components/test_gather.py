from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from components.gather.component import gather


@pytest.mark.parametrize("count", [0, 1, 3])
def test_keeps_every_record_in_order(count: int, artifact: Callable[..., Any]) -> None:
    encoders = [artifact(dsl.Model) for _ in range(count)]
    for number, encoder in enumerate(encoders):
        Path(encoder.path).write_text(json.dumps({"encoder": f"uri-{number}", "weight": 0.1}))
    gathered = artifact()
    gather.python_func(encoders, gathered)
    assert json.loads(Path(gathered.path).read_text()) == [
        {"encoder": f"uri-{number}", "weight": 0.1} for number in range(count)
    ]


def test_a_file_may_hold_several_records(artifact: Callable[..., Any]) -> None:
    one, many, gathered = artifact(dsl.Model), artifact(dsl.Model), artifact()
    Path(one.path).write_text('{"encoder": "a"}')
    Path(many.path).write_text('[{"encoder": "b"}, {"encoder": "c"}]')
    gather.python_func([one, many], gathered)
    found = json.loads(Path(gathered.path).read_text())
    assert [record["encoder"] for record in found] == ["a", "b", "c"]


def test_adds_to_the_list_of_another_loop(artifact: Callable[..., Any]) -> None:
    earlier, gathered, encoder = artifact(), artifact(), artifact(dsl.Model)
    Path(earlier.path).write_text('[{"encoder": "a"}]')
    Path(encoder.path).write_text('{"encoder": "b"}')
    gather.python_func([encoder], gathered, earlier)
    assert json.loads(Path(gathered.path).read_text()) == [{"encoder": "a"}, {"encoder": "b"}]
