"""What the package's names are, and that a task imports no more than it needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import sdml.steps.pipeline as package


def test_exported_names_exist() -> None:
    for name in package.__all__:
        assert getattr(package, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        package.nothing  # noqa: B018


def test_tasks_that_neither_train_nor_rank_do_without_torch() -> None:
    names = (
        "begin, finish, pipeline_task, prepare_pinned, prepare_shard, read_priors, read_records, "
        "select_prior_pinned"
    )
    program = (
        f"import sys; from sdml.steps.pipeline import {names}; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
