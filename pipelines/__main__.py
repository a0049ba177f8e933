"""``python -m pipelines``: finds the action, runs it, and turns errors into one line."""

from __future__ import annotations

import argparse
import signal
import sys
import traceback
from collections.abc import Sequence

from pipelines.commands import compile, job, run, submit, watch  # noqa: A004
from sdml.errors import MissingExtraError, SDMLError

_ACTIONS = (compile, run, submit, watch, job)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one action; returns the exit code: 0 done, 1 failed, 2 your input, 130 interrupted."""
    arguments = _parser().parse_args(argv)
    try:
        _require_kfp()
        code: int = arguments.run(arguments)
    except SDMLError as error:
        sys.stderr.write(f"sdml: error: {' '.join(str(error).split())}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("sdml: error: interrupted\n")
        return 130
    except Exception:
        traceback.print_exc()
        sys.stderr.write(
            "sdml: error: this is a defect in sdml: please report it with the lines above\n"
        )
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipelines",
        description="Run a Kubeflow pipeline here or on a server, or train one modality as a Job.",
        epilog="Every action: python -m pipelines ACTION --help. "
        "Exit codes: 0 done, 1 failed, 2 your input, 130 interrupted.",
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for command in _ACTIONS:
        command.add_to(actions)
    return parser


def _require_kfp() -> None:
    try:
        import kfp  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("Kubeflow pipelines", "pipelines") from error


if __name__ == "__main__":
    # 'kill' ends a run as Ctrl-C does: with its tasks, and with nothing left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
