"""``python -m pipelines watch``: follows a run that was submitted before."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from pipelines.commands.options import Actions, action
from pipelines.commands.server_options import connection_to, server_arguments

if TYPE_CHECKING:
    from pipelines.submission import Connection

_INTERRUPTED = 130


def add_to(actions: Actions) -> None:
    """Add the action to the parser."""
    parser = action(
        actions,
        "watch",
        _run,
        summary="follow a run on a Kubeflow Pipelines server until its end",
        examples="python -m pipelines watch RUN_ID --host http://localhost:8080\n"
        "python -m pipelines watch 'http://localhost:8080/#/runs/details/RUN_ID'",
    )
    parser.add_argument("run_to_watch", metavar="RUN", help="its id, or its page as submit prints")
    parser.add_argument("--host", metavar="URL", help="the server's address")
    server_arguments(parser)


def follow(connection: Connection, run_id: str) -> int:
    """Show the run's tasks until its end; returns the exit code.

    Raises:
        SubmissionError: the run failed, or the server stayed away.
        RefusedError: there is no such run, or the user may not see it.
    """
    from pipelines.submission import watch
    from pipelines.submission.address import run_page
    from pipelines.submission.progress import display

    try:
        with display() as shown:
            watch(connection, run_id, shown)
    except KeyboardInterrupt:
        sys.stderr.write(
            "sdml: the run goes on; to come back: "
            f"python -m pipelines watch '{run_page(connection.host, run_id)}'\n"
        )
        return _INTERRUPTED
    return 0


def _run(arguments: argparse.Namespace) -> int:
    from pipelines.submission.address import split_run

    host, run_id = split_run(arguments.run_to_watch, arguments.host)
    return follow(connection_to(host, arguments), run_id)
