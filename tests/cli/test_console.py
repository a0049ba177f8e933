from __future__ import annotations

import json
import logging
import time

import pytest
from rich.table import Table

from sdml.cli import console as module
from sdml.cli.console import Console


def test_json_is_one_line_of_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    data = {"name": "été \udcff\n", "value": 0.1}
    Console(json=True).result(data, ["text"])
    out = capsys.readouterr().out
    assert out.isascii()
    assert out.count("\n") == 1
    assert json.loads(out) == data


def test_text_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("[b]", "c")
    table.add_row("[/i]", ":x:")
    Console().result({}, ["[red]a :smile: http://x:5000/[/b]", table])
    out = capsys.readouterr().out
    assert out.startswith("[red]a :smile: http://x:5000/[/b]\n")
    assert "[/i]" in out
    assert ":x:" in out
    assert "\x1b" not in out


def test_long_lines_are_not_broken(capsys: pytest.CaptureFixture[str]) -> None:
    Console().result({}, ["/a" * 300])
    assert capsys.readouterr().out == "/a" * 300 + "\n"


def test_an_error_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Console(quiet=True).error("a\n  b\tc")
    assert capsys.readouterr().err == "sdml: error: a b c\n"


@pytest.mark.parametrize(("quiet", "shown"), [(False, "sdml: i\n"), (True, "")])
def test_what_the_package_logs(capsys: pytest.CaptureFixture[str], quiet: bool, shown: str) -> None:
    Console(quiet=quiet)
    logger = logging.getLogger("sdml.steps.train")
    logger.debug("d")
    logger.info("i")
    logger.warning("w %d", 1)
    assert capsys.readouterr().err == f"{shown}sdml: warning: w 1\n"


def test_plain_progress_says_the_end_and_not_every_step(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with Console().progress("train image") as advance:
        for epoch in range(1, 11):
            now[0] += 1.5
            advance(epoch, 10, f"loss {epoch}")
    assert capsys.readouterr().err.splitlines() == [
        "sdml: train image: 4/10 loss 4",
        "sdml: train image: 8/10 loss 8",
        "sdml: train image: 10/10 loss 10",
    ]
    assert module._PLAIN_EVERY_SECONDS == 5


def test_quiet_progress_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with Console(quiet=True).progress("train image") as advance:
        advance(1, 1, "")
    assert capsys.readouterr() == ("", "")
