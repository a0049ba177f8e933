"""``python -m pipelines compile|run|submit train|new-modality|sweep --experiment FILE.yaml``."""

from __future__ import annotations

import argparse
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from pipelines import NAMES
from sdml.errors import MissingExtraError, SDMLError
from sdml.experiment import read_experiment

_EXAMPLES = """examples:
  python -m pipelines run train --experiment examples/digits/experiment.yaml
  python -m pipelines run new-modality --experiment examples/digits/audio.yaml
  python -m pipelines compile sweep --experiment my.yaml --output sweep.yaml
  python -m pipelines submit train --experiment my.yaml --host http://localhost:8080"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one action; returns the exit code: 0 done, 1 failed, 2 your input, 130 interrupted."""
    arguments = _parser().parse_args(argv)
    try:
        _act(arguments)
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
    return 0


def _act(arguments: argparse.Namespace) -> None:
    try:
        import kfp  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("Kubeflow pipelines", "pipelines") from error
    experiment = read_experiment(arguments.experiment)
    name, modalities = arguments.pipeline, arguments.modality
    if arguments.action == "compile":
        from pipelines.compilation import compile_pipeline

        output = arguments.output or Path(f"{name}.yaml")
        compile_pipeline(name, experiment, modalities=modalities, output=output)
        sys.stdout.write(f"{output}\n")
    elif arguments.action == "run":
        from pipelines.local_run import run_locally

        run_locally(name, experiment, modalities=modalities)
    else:
        from pipelines.submission import submit

        run = submit(name, experiment, modalities=modalities, host=arguments.host)
        sys.stdout.write(f"{run}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipelines",
        description="Compile a Kubeflow pipeline, run it on this machine, or submit it.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="compile|run|submit")
    for action, summary in (
        ("compile", "write the YAML that Kubeflow Pipelines takes"),
        ("run", "run every task on this machine, one process each"),
        ("submit", "start a run on a Kubeflow Pipelines server"),
    ):
        sub = actions.add_parser(action, help=summary, description=summary)
        sub.add_argument("pipeline", choices=NAMES, help="which pipeline")
        sub.add_argument("--experiment", type=Path, required=True, metavar="FILE.yaml")
        sub.add_argument(
            "--modality", action="append", metavar="M", help="only this one; may be given again"
        )
        if action == "compile":
            sub.add_argument("--output", type=Path, metavar="FILE.yaml", help="NAME.yaml")
        if action == "submit":
            sub.add_argument("--host", required=True, metavar="URL", help="the server's address")
    return parser


if __name__ == "__main__":
    # 'kill' ends a run as Ctrl-C does: with its tasks, and with nothing left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
