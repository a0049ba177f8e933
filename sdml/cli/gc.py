"""``sdml gc``: old versions and leftovers out of the store."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from rich.table import Table

from sdml.cli.console import Console
from sdml.cli.options import Commands, command, experiment_argument, open_experiment


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = command(
        commands,
        "gc",
        _run,
        summary="remove old versions and leftovers that nothing in the store needs",
        examples="""
sdml gc experiment.yaml --keep 3 --dry-run
sdml gc experiment.yaml --keep 3 --checkpoints-older-than 30
sdml gc experiment.yaml --version encoders/image/20260131T093000000000Z-5f0c2e9b7a41""",
    )
    experiment_argument(parser)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--keep",
        type=int,
        metavar="N",
        help="the N newest of each kind, modality and subspace stay, and what they were made from",
    )
    which.add_argument(
        "--version",
        action="append",
        metavar="PATH",
        help="remove this one, if nothing refers to it; may be given again",
    )
    parser.add_argument(
        "--grace",
        type=float,
        metavar="DAYS",
        help="with --keep: what is younger stays, and does not count (1)",
    )
    parser.add_argument(
        "--checkpoints-older-than",
        type=float,
        metavar="DAYS",
        help="with --keep: also checkpoints that were not written for so long",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would go")


def _run(arguments: argparse.Namespace, console: Console) -> None:
    from sdml.errors import UserError
    from sdml.steps.gc import GRACE_DAYS, collect_garbage, remove_named

    checkpoints = arguments.checkpoints_older_than
    if arguments.version and (arguments.grace is not None or checkpoints is not None):
        raise UserError("--grace and --checkpoints-older-than go with --keep, not with --version")
    context = open_experiment(arguments)
    if arguments.version:
        collected = remove_named(context, arguments.version, dry_run=arguments.dry_run)
    else:
        collected = collect_garbage(
            context,
            keep=arguments.keep,
            grace_days=GRACE_DAYS if arguments.grace is None else arguments.grace,
            checkpoint_days=checkpoints,
            dry_run=arguments.dry_run,
        )
    table = Table("what")
    table.add_column("path", overflow="fold")
    for name in ("objects", "bytes"):
        table.add_column(name, justify="right")
    for garbage in collected.removed:
        table.add_row(garbage.what, garbage.path, str(garbage.objects), f"{garbage.bytes:,}")
    done = "would free" if collected.dry_run else "freed"
    text: list[str | Table] = [table] if collected.removed else []
    console.result(
        asdict(collected),
        [*text, f"{done} {collected.bytes:,} bytes; {collected.kept} versions stay"],
    )
