"""``sdml compare``: evaluations side by side, in the terminal or as a page."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.table import Table

from sdml.cli.console import Console
from sdml.cli.options import Commands, command
from sdml.cli.result_file import check_writable
from sdml.errors import UserError


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = command(
        commands,
        "compare",
        _run,
        summary="compare evaluations: mean mAP by λ, method and similarity, over seeds",
        examples="""
sdml compare --experiment experiment.yaml
sdml compare --experiment experiment.yaml --pairs --html comparison.html
sdml compare --experiment experiment.yaml 20260131T094500000000Z-1d2c3b4a5f60
sdml compare s3://bucket/prefix/digits/reports/20260131T094500000000Z-1d2c3b4a5f60""",
    )
    parser.add_argument(
        "runs",
        nargs="*",
        metavar="RUN",
        help="URI or id of a report, or id of an MLflow run; all reports by default",
    )
    parser.add_argument(
        "--experiment", type=Path, metavar="FILE.yaml", help="the collection that they are of"
    )
    parser.add_argument("--pairs", action="store_true", help="a column for each pair of modalities")
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write them as a page")


def _run(arguments: argparse.Namespace, console: Console) -> None:
    from sdml.experiment import read_experiment
    from sdml.steps.compare import compare
    from sdml.steps.context import Context

    if arguments.html is not None:
        check_writable(arguments.html, "--html", experiment=arguments.experiment)
    context = None
    if arguments.experiment is not None:
        context = Context.open(read_experiment(arguments.experiment), track=False)
    compared = compare(context, arguments.runs)
    headings, *lines = compared.table(pairs=arguments.pairs)
    table = Table(title="mAP@all", title_justify="left")
    for name in headings:
        words = name in ("method", "similarity", "modalities", "other settings")
        table.add_column(
            name, justify="left" if words else "right", no_wrap=name != "other settings"
        )
    for line in lines:
        table.add_row(*line)
    text: list[str | Table] = [table]
    if arguments.html is not None:
        what = context.experiment.collection if context else "reports"
        _write(arguments.html, compared.page(f"{what}: comparison"))
        text.append(f"page  {arguments.html}")
    console.result(compared.to_json(), text)


def _write(path: Path, page: bytes) -> None:
    try:
        path.write_bytes(page)
    except OSError as error:
        raise UserError(
            f"--html must name a file to write, but {path} takes nothing ({error.strerror}): "
            "make room, or name another"
        ) from error
