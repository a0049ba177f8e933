"""The table of compared methods: ``python -m benchmarks.peers --experiment FILE.yaml --seeds 5``.

Trains every method on the experiment's prepared feature sets, selects by validation, scores the
test split, and prints Markdown: mean ± standard deviation over seeds of mAP@all for every ordered
pair of modalities, seconds and peak memory of training. Cells run one after another, each in a
process of its own with bounded threads; finished ones are kept under the output folder, so the
command may be stopped and run again. Each cell is a run in MLflow when the experiment has
tracking. Exit codes: 0 done, 1 a cell failed, 2 the user's mistake, 130 Ctrl-C, 143 SIGTERM.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.runner import Settings, run_table
from benchmarks.peers.table import markdown
from sdml.errors import Interrupted, SDMLError, UserError
from sdml.experiment import read_experiment
from sdml.steps.context import Context
from sdml.steps.stopping import stop_on_sigterm

_INTERRUPTED = 130


def parser() -> argparse.ArgumentParser:
    """The command line."""
    root = argparse.ArgumentParser(
        prog="python -m benchmarks.peers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--experiment", type=Path, required=True, metavar="FILE.yaml")
    root.add_argument("--seeds", type=int, metavar="N", help="default 5, with --quick 1")
    root.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these methods")
    root.add_argument("--quick", action="store_true", help="no grid, ten epochs, narrow networks")
    root.add_argument("--kept", action="store_true", help="the finished cells; run none")
    root.add_argument("--threads", type=int, default=1, metavar="N", help="of a cell; default 1")
    root.add_argument(
        "--output", type=Path, metavar="FOLDER", help="default: .sdml/peers beside the file"
    )
    root.add_argument("--figure", type=Path, metavar="FILE.svg", help="the means as bars, too")
    return root


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit code."""
    arguments = parser().parse_args(argv)
    try:
        with stop_on_sigterm():
            return _run(arguments)
    except KeyboardInterrupt:
        _say("interrupted; finished cells are kept: run the same command again")
        return _INTERRUPTED
    except Interrupted as error:
        _say("ended by SIGTERM; finished cells are kept: run the same command again")
        return error.exit_code
    except SDMLError as error:
        _say(f"error: {error}")
        return error.exit_code


def _run(arguments: argparse.Namespace) -> int:
    experiment = read_experiment(arguments.experiment)
    seeds = arguments.seeds or (1 if arguments.quick else 5)
    for name, value in (("--seeds", seeds), ("--threads", arguments.threads)):
        if value < 1:
            raise UserError(f"{name} must be at least 1; received {value}: give a larger number")
    settings = Settings(
        seeds=seeds,
        only=arguments.only,
        quick=arguments.quick,
        kept=arguments.kept,
        threads=arguments.threads,
        output=(arguments.output or arguments.experiment.parent / ".sdml" / "peers").resolve(),
    )
    tracker = Context.open(experiment).tracker
    rows, modalities = run_table(experiment, settings, tracker, _say)
    if arguments.figure:
        from benchmarks.peers.figure import figure  # matplotlib is slow to import

        arguments.figure.parent.mkdir(parents=True, exist_ok=True)
        arguments.figure.write_bytes(figure(rows, experiment.collection))
    print(markdown(rows, modalities, experiment.collection))
    return 1 if any(row.failed for row in rows) else 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
