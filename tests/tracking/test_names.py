from __future__ import annotations

import posixpath
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdml.errors import UserError
from sdml.tracking.names import checked_artifact_name, clean_name, clean_tags, flat_params, mask


@given(st.text())
def test_any_text_becomes_a_name_that_mlflow_accepts(text: str) -> None:
    name = clean_name(text)
    # MLflow's own rules: these characters, a normal path, at most 250.
    assert re.fullmatch(r"[/\w.\- :]+", name)
    assert posixpath.normpath(name) == name
    assert name != "."
    assert not name.startswith(("..", "/"))
    assert len(name) <= 250
    assert clean_name(name) == name


@pytest.mark.parametrize("name", ["map/image_to_text", "loss/train", "a b", "x:y", "v1.2"])
def test_good_names_stay(name: str) -> None:
    assert clean_name(name) == name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://ann:pw@host/x", "http://***@host/x"),
        ("two: http://a:b@h1, s3://k@h2", "two: http://***@h1, s3://***@h2"),
        ("ann@example.org", "ann@example.org"),
        ("http://host/a@b", "http://host/a@b"),
    ],
)
def test_mask(text: str, shown: str) -> None:
    assert mask(text) == shown


def test_params_are_flat_text_of_bounded_length_without_credentials() -> None:
    values = {
        "lambda": 0.5,
        "on": True,
        "none": None,
        "keys": {"labels": "y", "empty": {}},
        "long": "x" * 7000,
        "store": "s3://me:secret@bucket/x",
    }
    assert dict(flat_params(values)) == {
        "lambda": "0.5",
        "on": "true",
        "none": "null",
        "keys.labels": "y",
        "keys.empty": "{}",
        "long": "x" * 6000,
        "store": "s3://***@bucket/x",
    }
    assert clean_tags({"a?": "y" * 6000}) == {"a_": "y" * 5000}


@pytest.mark.parametrize("name", ["", ".", "/etc/passwd", "../x", "a/../../b"])
def test_an_artifact_stays_inside_its_run(name: str) -> None:
    with pytest.raises(UserError, match="relative path"):
        checked_artifact_name(name)
