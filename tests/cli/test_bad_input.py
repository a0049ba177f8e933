"""Whatever is wrong with the input: one line says what, where and how to mend it.

Each case is a command, its exit code (2: the user's mistake, 1: a failure) and texts that the
line must hold. Nothing may be written, printed as a result, or shown as a traceback.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli import bad_experiments, bad_sources, bad_stores
from tests.cli.conftest import Outcome, Run
from tests.cli.world import EMBED, Case, World, trained
from tests.steps import tiny

CASES = {**bad_sources.CASES, **bad_experiments.CASES, **bad_stores.CASES}


def check(done: Outcome, case: Case) -> None:
    """The exit code, and one line of error that holds all it must."""
    errors = [line for line in done.err.splitlines() if line.startswith("sdml: error: ")]
    assert "Traceback" not in done.err
    assert len(errors) == 1, done.err
    assert [part for part in case.said if part not in errors[0]] == [], errors[0]
    assert (done.code, done.out) == (case.code, "")


def expect(said: tuple[str, ...], code: int = 2) -> Case:
    """What must be said, where the command is given elsewhere."""
    return Case(lambda _: [], said, code)


@pytest.mark.parametrize("name", CASES)
def test_bad_input(name: str, run: Run, tmp_path: Path, finished_once: Path) -> None:
    world = World(tmp_path / "world", finished_once)
    world.folder.mkdir()
    arguments = CASES[name].arrange(world)
    before = tiny.checksums(world.folder)
    check(run(*arguments), CASES[name])
    assert tiny.checksums(world.folder) == before


def test_there_are_cases_for_every_command_and_both_exit_codes() -> None:
    assert len(CASES) == sum(map(len, (bad_sources.CASES, bad_experiments.CASES, bad_stores.CASES)))
    assert len(CASES) > 180
    assert {case.code for case in CASES.values()} == {1, 2}


LIMITED = """
import resource, sys
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
from sdml.cli.main import main
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize(
    ("limit", "command", "said"),
    [
        (1000, ["prepare"], ("sdml-", "limit", "make room")),
        (1500, ["train", "--modality", "image"], ("encoder.safetensors", "limit", "make room")),
        (200, list(EMBED), ("c.npy", "limit", "make room")),
    ],
)
def test_a_disk_that_takes_no_more(
    finished: Path, tmp_path: Path, limit: int, command: list[str], said: tuple[str, ...]
) -> None:
    """A real failure to write, by a limit on the size of files; nothing half-written counts."""
    world = World(tmp_path / "world", finished)
    world.folder.mkdir()
    changed = {"modalities": {"image": {"transform": "l2"}}, "training": {"lambda": 0.1}}
    arguments = trained(*command, **({} if command[0] == "embed" else changed))(world)
    before = tiny.checksums(world.folder)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(limit), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    errors = [line for line in done.stderr.splitlines() if line.startswith("sdml: error: ")]
    assert (done.returncode, done.stdout, len(errors)) == (1, "", 1), done.stderr
    assert [part for part in said if part not in errors[0]] == []
    after = tiny.checksums(world.folder)
    assert before.items() <= after.items()
    new = after.keys() - before.keys()
    assert [path for path in new if "manifest.json" in path or ".partial" in path] == []
    assert {Path(path).parts[:3] for path in new} <= {("store", "tiny", "encoders")}


@pytest.fixture
def in_bucket(s3_environment: str, tmp_path: Path) -> Path:
    """An experiment file whose store is in a new bucket."""
    tiny.write_sources(tmp_path, "image")
    return tiny.write_experiment(tmp_path, "image", store=f"{s3_environment}/store")


@pytest.mark.server
@pytest.mark.parametrize(
    ("variables", "case"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, expect(("access refused", "AWS_SECRET"))),
        ({"AWS_ACCESS_KEY_ID": "nobody"}, expect(("access refused", "AWS_ACCESS_KEY_ID"))),
        ({"AWS_ENDPOINT_URL_S3": "no-url"}, expect(("AWS_ENDPOINT_URL_S3",))),
        (
            {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"},
            expect(("http://127.0.0.1:9", "after all retries", "check that"), 1),
        ),
    ],
    ids=["wrong secret", "unknown key", "bad endpoint", "nobody answers"],
)
def test_a_bucket_out_of_reach(
    in_bucket: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    case: Case,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    check(run("prepare", in_bucket), case)


@pytest.mark.server
def test_a_bucket_that_is_not_there(s3_environment: str, tmp_path: Path, run: Run) -> None:
    tiny.write_sources(tmp_path, "image")
    file = tiny.write_experiment(tmp_path, "image", store="s3://no-such-bucket-here/store")
    expected = expect(("no-such-bucket-here", "bucket does not exist", "create it"))
    for command in (["prepare"], ["train", "--modality", "image"], ["list"]):
        name, *options = command
        check(run(name, file, *options), expected)


@pytest.mark.server
def test_no_credentials_at_all(
    in_bucket: Path, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    check(run("prepare", in_bucket), expect(("no usable credentials", "AWS_ACCESS_KEY_ID")))


@pytest.mark.server
@pytest.mark.parametrize("damage", ["tampered", "truncated", "missing"])
def test_a_damaged_object_in_a_bucket(
    in_bucket: Path, s3_environment: str, s3_client: Any, run: Run, damage: str
) -> None:
    prepared = run("prepare", in_bucket, "--json").json
    bucket = s3_environment.removeprefix("s3://")
    key = prepared["features"]["image"].removeprefix(f"{s3_environment}/") + "/train.features.npy"
    data = s3_client.get_object(Bucket=bucket, Key=key)["Body"].read()
    if damage == "missing":
        s3_client.delete_object(Bucket=bucket, Key=key)
    else:
        worse = data[:-1] if damage == "truncated" else data[:-1] + bytes([data[-1] ^ 1])
        s3_client.put_object(Bucket=bucket, Key=key, Body=worse)
    said = {"tampered": "sha256", "truncated": f"{len(data) - 1} bytes", "missing": "missing"}
    expected = expect((f"{s3_environment}/store", "train.features.npy", said[damage]), 1)
    check(run("train", in_bucket, "--modality", "image"), expected)
    check(run("list", in_bucket, "--verify"), expected)
    listed = run("list", in_bucket, "--json").json
    assert "encoder" not in [item["kind"] for item in listed["items"]]
    assert json.dumps(listed)
