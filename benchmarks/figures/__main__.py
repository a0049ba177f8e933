"""Figure and table of a results page: ``python -m benchmarks.figures NAME --experiment FILE``.

Trains what the page needs, one training after another, prints its Markdown table and writes its
figures as ``results-<name>-<collection>.svg``. Finished work is kept in ``--work``: a stopped
command goes on where it was, and another folder makes everything anew. ``--epochs``, ``--hidden``,
``--preset`` and ``--dimension`` replace what the file says; the page has to say so. Exit codes:
0 done, 1 failed, 2 the user's mistake, 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import torch

from benchmarks.figures.catalogue import PAGES
from benchmarks.figures.cells import Cells
from benchmarks.figures.page import Options
from benchmarks.figures.settings import changed
from benchmarks.figures.trained import ALL
from sdml.errors import SDMLError, UserError
from sdml.experiment import Experiment, read_experiment
from sdml.experiment.training import Preset

_INTERRUPTED = 130


def parser() -> argparse.ArgumentParser:
    """The command line."""
    root = argparse.ArgumentParser(
        prog="python -m benchmarks.figures",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("name", choices=PAGES)
    root.add_argument("--experiment", type=Path, required=True, metavar="FILE.yaml")
    root.add_argument("--seeds", type=int, default=5, metavar="N", help="from 0; default 5")
    root.add_argument("--threads", type=int, default=1, metavar="N", help="default 1")
    root.add_argument("--output", type=Path, default=Path("docs/images"), metavar="FOLDER")
    root.add_argument("--work", type=Path, default=Path(".sdml/figures"), metavar="FOLDER")
    root.add_argument(
        "--methods", nargs="+", choices=ALL, default=ALL, help="of a page that compares some"
    )
    root.add_argument("--epochs", type=int, metavar="N")
    root.add_argument("--hidden", type=int, nargs="+", metavar="WIDTH")
    root.add_argument("--preset", choices=get_args(Preset))
    root.add_argument("--dimension", type=int, metavar="K", help="of the subspace")
    return root


def main(argv: Sequence[str] | None = None) -> int:
    """Make one page's figures and table; returns the exit code."""
    arguments = parser().parse_args(argv)
    try:
        _make(arguments)
    except KeyboardInterrupt:
        _say("interrupted; finished work is kept: run the same command again")
        return _INTERRUPTED
    except SDMLError as error:
        _say(f"error: {error}")
        return error.exit_code
    return 0


def _make(arguments: argparse.Namespace) -> None:
    for name in ("seeds", "threads"):
        value = getattr(arguments, name)
        if value < 1:
            raise UserError(f"--{name} must be at least 1; received {value}: give a larger number")
    experiment = _experiment(arguments)
    torch.set_num_threads(arguments.threads)
    cells = Cells(folder=arguments.work.resolve(), threads=arguments.threads, say=_say)
    options = Options(
        experiment=experiment, seeds=arguments.seeds, methods=arguments.methods, cells=cells
    )
    made = PAGES[arguments.name](options)
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name, figure in made.figures.items():
        path = arguments.output / f"results-{name}-{experiment.collection}.svg"
        path.write_bytes(figure)
        _say(f"{path}: {len(figure)} bytes")
    print(made.table)


def _experiment(arguments: argparse.Namespace) -> Experiment:
    said: dict[str, Any] = {
        name: getattr(arguments, name)
        for name in ("epochs", "hidden", "preset")
        if getattr(arguments, name) is not None
    }
    experiment = changed(read_experiment(arguments.experiment), **said)
    if arguments.dimension is not None:
        update = {"dimension": arguments.dimension}
        subspace = experiment.subspace.model_copy(update=update)
        experiment = experiment.model_copy(update={"subspace": subspace})
    return experiment


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
