"""Every act of a store, for tests that no act may behave otherwise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sdml.store import Store

Act = Callable[[Store, Path], object]
ACTS: dict[str, Act] = {
    "put": lambda store, scratch: store.put("a", b"x"),
    "put parts": lambda store, scratch: store.put("a", b"x" * (9 << 20)),
    "get": lambda store, scratch: store.get("a"),
    "local": lambda store, scratch: store.local("a", scratch),
    "exists": lambda store, scratch: store.exists("a"),
    "list": lambda store, scratch: list(store.list("")),
    "delete": lambda store, scratch: store.delete("a"),
}
on_every_act = pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
