"""``sdml list``: what the store holds, where it came from, whether it is sound."""

from __future__ import annotations

import argparse

from rich.table import Table

from sdml.cli.console import Console
from sdml.cli.options import Commands, command, experiment_argument, open_experiment


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = command(
        commands,
        "list",
        _run,
        summary="list what the store holds for this collection, with its lineage",
        examples="""
sdml list experiment.yaml
sdml list experiment.yaml --verify --json""",
    )
    experiment_argument(parser)
    parser.add_argument(
        "--verify", action="store_true", help="read every object and check its size and sha256"
    )


def _run(arguments: argparse.Namespace, console: Console) -> None:
    from sdml.steps.inventory import inventory

    listed = inventory(open_experiment(arguments), verify=arguments.verify)
    table = Table("kind", "modality")
    for name in ("id", "created", "MiB", "made from"):
        table.add_column(name, overflow="fold")
    for item in listed.items:
        size = sum(record["bytes"] for record in item["objects"])
        table.add_row(
            item["kind"],
            item["modality"] or "",
            item["id"],
            item["created"],
            f"{size / 2**20:.2f}",
            "\n".join(item["made_from"].values()),
        )
    text: list[str | Table] = [table]
    if arguments.verify:
        text.append(f"verified {listed.verified} objects: all sound")
    console.result({"items": listed.items}, text)
