"""``sdml resend``: send metrics that were kept while the tracking server was down."""

from __future__ import annotations

import argparse
from pathlib import Path

from sdml.cli.console import Console
from sdml.cli.options import Commands, command


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = command(
        commands,
        "resend",
        _run,
        summary="send metrics that were kept on disk while the tracking server was down",
        examples="""
sdml resend .sdml/unsent/3f2a.jsonl
sdml resend ~/.local/state/sdml/unsent""",
    )
    parser.add_argument(
        "path", type=Path, metavar="PATH", help="the file that the warning named, or its folder"
    )


def _run(arguments: argparse.Namespace, console: Console) -> None:
    from sdml.tracking.resend import resend

    sent = resend(arguments.path)
    console.result({"sent": sent}, [f"sent {sent} events"])
