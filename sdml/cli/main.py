"""Finds the command, runs it, and turns errors into one line and an exit code.

Exit codes: 0 done, 1 failed, 2 the user's mistake, 130 interrupted from the keyboard, 143 told to
end by SIGTERM. The signal ends every command at once, also as process 1 of a container, which would
otherwise not notice it; ``train`` and ``sweep`` take the time to keep what they have done.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence

from sdml import __version__, environment
from sdml.cli import (
    compare,
    embed,
    evaluate,
    gc,
    init,
    inventory,
    prepare,
    prior,
    promote,
    resend,
    score,
    search,
    sweep,
    train,
)
from sdml.cli.console import Console, OutputError
from sdml.cli.options import Parser
from sdml.errors import Interrupted, RankError, SDMLError
from sdml.steps.stopping import stop_on_sigterm

_COMMANDS = (
    init,
    prepare,
    prior,
    train,
    sweep,
    evaluate,
    compare,
    promote,
    inventory,
    gc,
    embed,
    search,
    score,
    resend,
)
_INTERRUPTED = 130


def parser() -> argparse.ArgumentParser:
    """The whole command line, without importing what the commands need."""
    root = Parser(
        prog="sdml",
        description="Cross-modal retrieval with independently trained modalities.",
        epilog="Every command: sdml COMMAND --help. Exit codes: 0 done, 1 failed, 2 your input.",
    )
    root.add_argument("--version", action="version", version=f"sdml {__version__}")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_to(commands)
    return root


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    environment.set_defaults()
    arguments = parser().parse_args(argv)
    console = Console(json=arguments.json, quiet=arguments.quiet)
    try:
        with stop_on_sigterm():  # process 1 of a container would not even die of it
            arguments.run(arguments, console)
    except KeyboardInterrupt:
        console.error("interrupted")
        return _INTERRUPTED
    except OutputError as error:
        _drop_output()
        console.error(error)
        return error.exit_code
    except SDMLError as error:
        if not _said_by_another(error):
            console.error(error)
        return error.exit_code
    except BrokenPipeError:
        _drop_output()
        return 1
    except MemoryError as error:
        console.error(f"not enough memory: {error}")
        return 1
    except Exception:
        traceback.print_exc()
        console.error("this is a defect in sdml: please report it with the lines above")
        return 1
    return 0


def _said_by_another(error: SDMLError) -> bool:
    """Of the processes that train together here, the first says that they were stopped."""
    stopped = isinstance(error, Interrupted | RankError)
    return stopped and os.environ.get("LOCAL_RANK", "0") != "0"


def _drop_output() -> None:
    """What is still buffered cannot be written, and must not be tried again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
