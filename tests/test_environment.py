"""Defaults for torch's environment: set when absent, never over the user's own."""

from __future__ import annotations

import os

import pytest

from sdml import environment


def test_sets_what_is_absent_and_keeps_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    monkeypatch.delenv("THP_MEM_ALLOC_ENABLE", raising=False)
    environment.set_defaults()
    assert os.environ["GOMP_SPINCOUNT"] == "7"
    assert os.environ["THP_MEM_ALLOC_ENABLE"] == "1"
