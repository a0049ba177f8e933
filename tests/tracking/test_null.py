from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sdml.tracking import NullTracker, open_tracker


def test_no_address_tracks_nothing() -> None:
    tracker = open_tracker(None)
    assert isinstance(tracker, NullTracker)
    with tracker.start("e", "n", parent="any", tags={"a": "b"}) as run:
        run.params({"a": 1})
        run.metrics({"a": 1.0}, 1)
        run.text("a", "b")
        run.tag({"a": "b"})
        run.dataset("d", "1", "s", "training")
    assert run.finish() is None
    assert tracker.resume("e", run.id).finish() is None
    assert run.id == "untracked"


def test_importing_the_package_does_not_import_mlflow() -> None:
    code = (
        "import sys, sdml.tracking as t; t.open_tracker(None); "
        "sys.exit(bool({'mlflow', 'requests', 'sqlalchemy'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
