from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.job.names import checked, job_name
from sdml.errors import UserError
from sdml.experiment.base import NAME

NOW = datetime(2026, 1, 31, 9, 30, 5, tzinfo=UTC)


def test_a_name_says_what_and_when() -> None:
    assert job_name("audio", NOW) == "sdml-train-audio-260131-093005"
    assert job_name("touch_tones", NOW) == "sdml-train-touch-tones-260131-093005"


@given(st.from_regex(NAME, fullmatch=True).filter(lambda name: name.isascii()))
def test_every_modality_gives_a_name_that_kubernetes_takes(modality: str) -> None:
    name = job_name(modality, NOW)
    assert checked(name) == name
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name)


@pytest.mark.parametrize("name", ["", "Audio", "a.b", "-a", "a-", "a_b", "9a", "a" * 64, "a/b"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(UserError, match="a Job's name has at most 63"):
        checked(name)
