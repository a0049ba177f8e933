"""docs/operations.md: its commands can be parsed, its scripts and Secrets exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from sdml.cli.main import parser

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
BLOCKS = "\n".join(re.findall(r"^ *```sh\n(.*?)^ *```", PAGE, re.MULTILINE | re.DOTALL))
SDML = r"(?:[A-Z_]+=\S+ )?sdml ([a-z]+ (?:[a-z]+\.yaml|~|/)[^`\n]*)"


def commands() -> list[list[str]]:
    """The arguments of every sdml command in a block or a sentence that names a file."""
    blocks = re.findall(rf"^ *{SDML}", BLOCKS.replace("\\\n", " "), re.MULTILINE)
    return [shlex.split(line, comments=True) for line in blocks + re.findall(f"`{SDML}`", PAGE)]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_can_be_parsed(words: list[str]) -> None:
    assert parser().parse_args(words).command == words[0]


def test_there_are_commands_to_look_at() -> None:
    assert {words[0] for words in commands()} == {
        "evaluate", "gc", "list", "prepare", "resend", "train",
    }  # fmt: skip


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        name, _, heading = target.partition("#")
        text = (ROOT / "docs" / name).read_text(encoding="utf-8") if name else PAGE
        titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        slugs = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}
        assert not heading or heading in slugs, target
