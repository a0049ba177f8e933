from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.steps import tiny


def versions(run: Run, finished: Path) -> dict[str, str]:
    """URI of each version by kind and modality."""
    items = run("list", finished, "--json").json["items"]
    return {f"{i['kind']} {i['modality'] or ''}".strip(): i["uri"] for i in items}


def age(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            os.utime(path, (0, 0))


def test_a_dry_run_and_the_run_say_the_same_but_for_one_word(run: Run, finished: Path) -> None:
    report = versions(run, finished)["report"]
    before = tiny.checksums(finished.parent)
    size = sum(path.stat().st_size for path in Path(report).iterdir())
    planned = run("gc", finished, "--version", report, "--dry-run")
    assert (planned.code, planned.err) == (0, "")
    assert tiny.checksums(finished.parent) == before
    done = run("gc", finished, "--version", report)
    assert (done.code, done.err) == (0, "")
    assert done.out == planned.out.replace("would free", "freed")
    assert done.out.splitlines()[-1] == f"freed {size:,} bytes; 5 versions stay"
    assert f"reports/{Path(report).name}" in done.out
    assert not Path(report).exists()
    after = tiny.checksums(finished.parent)
    assert after.items() <= before.items()


def test_json(run: Run, finished: Path) -> None:
    for name in ("a", "b"):
        (finished.parent / f"store/tiny/checkpoints/image/{name}").parent.mkdir(
            parents=True, exist_ok=True
        )
        (finished.parent / f"store/tiny/checkpoints/image/{name}").write_bytes(b"state")
    age(finished.parent / "store/tiny/checkpoints")
    done = run("gc", finished, "--keep", "1", "--checkpoints-older-than", "30.5", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.json == {
        "removed": [
            {"what": "checkpoint", "path": f"checkpoints/image/{n}", "objects": 1, "bytes": 5}
            for n in ("a", "b")
        ],
        "bytes": 10,
        "kept": 6,
        "dry_run": False,
    }
    nothing = run("gc", finished, "--keep", "1", "--grace", "0")
    assert nothing.out == "freed 0 bytes; 6 versions stay\n"


def test_what_is_needed_is_refused_in_one_line(run: Run, finished: Path) -> None:
    there = versions(run, finished)
    before = tiny.checksums(finished.parent)
    refused = run("gc", finished, "--version", there["encoder image"])
    assert (refused.code, refused.out) == (2, "")
    (line,) = refused.err.splitlines()
    assert Path(there["report"]).name in line
    assert tiny.checksums(finished.parent) == before
    both = run("gc", finished, "--version", there["encoder image"], "--version", there["report"])
    assert both.code == 0
    assert versions(run, finished).keys() == {
        "subspace", "features image", "features text", "encoder text",
    }  # fmt: skip


def test_a_damaged_manifest_stops_it_with_code_1(run: Run, finished: Path) -> None:
    manifest = Path(versions(run, finished)["encoder text"]) / "manifest.json"
    manifest.write_bytes(b"{")
    before = tiny.checksums(finished.parent)
    stopped = run("gc", finished, "--keep", "1", "--grace", "0")
    assert (stopped.code, stopped.out) == (1, "")
    (line,) = stopped.err.splitlines()
    assert str(manifest) in line
    assert "nothing was removed" in line
    assert tiny.checksums(finished.parent) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "one of the arguments --keep --version is required"),
        (["--keep", "0"], "at least 1"),
        (["--keep", "two"], "invalid int value"),
        (["--keep", "1", "--version", "reports/x"], "not allowed with"),
        (["--keep", "1", "--grace", "-1"], "grace time"),
        (["--keep", "1", "--checkpoints-older-than", "nan"], "checkpoint's age"),
        (["--version", "reports/x", "--grace", "2"], "go with --keep"),
        (["--version", "reports/x", "--checkpoints-older-than", "2"], "go with --keep"),
        (["--version", "reports/x"], "no version 'reports/x'"),
    ],
)
def test_a_mistake_is_one_line(run: Run, finished: Path, arguments: list[str], said: str) -> None:
    shown = run("gc", finished, *arguments)
    assert (shown.code, shown.out) == (2, "")
    (line,) = shown.err.splitlines()
    assert said in line
