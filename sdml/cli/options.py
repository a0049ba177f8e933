"""Arguments that several commands share, and how a command joins the parser."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from sdml.cli.console import Console

if TYPE_CHECKING:
    from sdml.steps.context import Context

Commands = Any  # argparse keeps the type of its sub-parsers private
Run = Callable[[argparse.Namespace, Console], None]


class Parser(argparse.ArgumentParser):
    """Takes options only by their full names, and says what is wrong in one line."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        """Exit with code 2."""
        line = " ".join(message.split())
        self.exit(2, f"sdml: error: {line}: see '{self.prog} --help'\n")


def command(
    commands: Commands, name: str, run: Run, *, summary: str, examples: str
) -> argparse.ArgumentParser:
    """Add a sub-command with the options that all have: ``--json`` and ``--quiet``."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog="examples:\n" + "\n".join(f"  {line}" for line in examples.strip().splitlines()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--quiet", action="store_true", help="say only warnings and errors")
    parser.set_defaults(run=run)
    return parser


def experiment_argument(parser: argparse.ArgumentParser) -> None:
    """The positional experiment file."""
    parser.add_argument("file", type=Path, metavar="FILE.yaml", help="the experiment file")


def open_experiment(arguments: argparse.Namespace, *, track: bool = False) -> Context:
    """Read the named experiment file and open what it names."""
    from sdml.experiment import read_experiment
    from sdml.steps.context import Context

    return Context.open(read_experiment(arguments.file), track=track)
