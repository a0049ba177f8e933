from __future__ import annotations

import json
from pathlib import Path

import pytest

from sdml.cli.result_file import LIMIT, ResultFileError, check_writable, write_result
from sdml.errors import UserError
from tests.cli.conftest import Run


def test_a_file_that_is_there_is_written_and_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("x" * 9000)
    inode = path.stat().st_ino
    check_writable(path)
    assert path.stat().st_size == 9000  # a check writes nothing
    write_result(path, {"a": "λ"})
    assert path.stat().st_ino == inode
    assert path.read_bytes() == b'{"a": "\\u03bb"}\n'


def test_a_new_file_is_not_made_by_the_check(tmp_path: Path) -> None:
    path = tmp_path / "log"
    check_writable(path)
    assert not path.exists()
    write_result(path, {"a": 1})
    assert json.loads(path.read_text()) == {"a": 1}


@pytest.mark.parametrize("name", [".", "no-such/log"])
def test_what_cannot_be_written_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="--result must name a file to write"):
        check_writable(tmp_path / name)


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "{file}", "--result", "{file}"),
        ("sweep", "{file}", "--modality", "image", "--result", "{link}"),
        ("compare", "--experiment", "{file}", "--html", "{link}"),
        ("embed", "{file}", "--modality", "image", "--input", "x.npy", "--output", "{file}"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_no_output_replaces_the_experiment_file(
    run: Run, collection: Path, arguments: tuple[str, ...]
) -> None:
    link = collection.with_name("link.yaml")
    link.symlink_to(collection)
    before = collection.read_bytes()
    shown = run(*(word.format(file=collection, link=link) for word in arguments))
    assert (shown.code, shown.err.count("\n")) == (2, 1)
    assert "must not be the experiment file" in shown.err
    assert collection.read_bytes() == before


def test_more_than_kubernetes_takes_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "log"
    write_result(path, {"a": "x" * LIMIT})
    assert not path.exists()
    assert "left out" in caplog.text
    most = {"a": "x" * (LIMIT - len('{"a": ""}\n'))}
    write_result(path, most)
    assert path.stat().st_size == LIMIT


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_a_failure() -> None:
    check_writable(Path("/dev/full"))
    with pytest.raises(ResultFileError, match="space"):
        write_result(Path("/dev/full"), {"a": 1})
