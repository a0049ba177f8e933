from __future__ import annotations

from pathlib import Path

import pytest

from examples.digits.build import build


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The raw inputs of the digits collection, built once."""
    folder = tmp_path_factory.mktemp("examples") / "data"
    build(folder)
    return folder
