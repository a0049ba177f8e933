from __future__ import annotations

import pytest

from pipelines.submission.address import run_page, split_run
from sdml.errors import UserError


@pytest.mark.parametrize(
    ("run", "host"),
    [
        ("r-1", "http://kfp/pipeline"),
        ("http://kfp/pipeline/#/runs/details/r-1", None),
        ("http://kfp/pipeline/#/runs/details/r-1", "http://kfp/pipeline/"),
    ],
)
def test_a_run_is_named_by_its_id_or_its_page(run: str, host: str | None) -> None:
    found, run_id = split_run(run, host)
    assert run_page(found, run_id) == "http://kfp/pipeline/#/runs/details/r-1"


@pytest.mark.parametrize(
    ("run", "host", "words"),
    [
        ("r-1", None, "--host must name the server"),
        ("http://kfp/#/runs/details/", None, "named by its id"),
        ("http://kfp/#/pipelines/details/p-1", "http://kfp", "named by its id"),
        ("http://kfp/#/runs/details/r-1", "http://other", "is not the server of the run's page"),
    ],
)
def test_a_run_that_is_not_named_clearly_is_refused(run: str, host: str | None, words: str) -> None:
    with pytest.raises(UserError, match=words):
        split_run(run, host)
