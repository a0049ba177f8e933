"""``sdml prepare``: feature sets and the subspace."""

from __future__ import annotations

import argparse
import re
from dataclasses import asdict

from sdml.cli.console import Console
from sdml.cli.options import Commands, command, experiment_argument, open_experiment
from sdml.errors import UserError


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = command(
        commands,
        "prepare",
        _run,
        summary="read and check the sources, store feature sets and the shared subspace",
        examples="""
sdml prepare experiment.yaml
sdml prepare experiment.yaml --modality audio
sdml prepare experiment.yaml --modality audio --new-modality
sdml prepare experiment.yaml --modality audio --shard 2/8
sdml prepare experiment.yaml --modality audio --join""",
    )
    experiment_argument(parser)
    parser.add_argument(
        "--modality", action="append", metavar="M", help="only this one; may be given again"
    )
    parser.add_argument(
        "--new-modality",
        action="store_true",
        help="join a collection: it must have a subspace already, and none is made",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--shard",
        metavar="I/N",
        help="only extract and check part I of the N that the file's 'shards' says",
    )
    which.add_argument(
        "--join", action="store_true", help="put the prepared shards together; all must be there"
    )


def _run(arguments: argparse.Namespace, console: Console) -> None:
    from sdml.steps.prepare import prepare

    if arguments.shard is not None:
        _prepare_shard(arguments, console)
        return
    made = prepare(
        open_experiment(arguments),
        modalities=arguments.modality,
        new_modality=arguments.new_modality,
        join=arguments.join,
    )
    console.result(
        asdict(made),
        [f"subspace  {made.subspace}"] + [f"{name}  {uri}" for name, uri in made.features.items()],
    )


def _prepare_shard(arguments: argparse.Namespace, console: Console) -> None:
    from sdml.steps.shards import prepare_shard

    found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", arguments.shard)
    if found is None:
        raise UserError(f"--shard is I/N, such as 2/8, not {arguments.shard!r}")
    if len(arguments.modality or ()) != 1 or arguments.new_modality:
        raise UserError("--shard needs one --modality, and no --new-modality")
    [modality] = arguments.modality
    shard, shards = int(found[1]), int(found[2])
    made = prepare_shard(open_experiment(arguments), modality, shard=shard, shards=shards)
    result = {"modality": modality, "shard": shard, "shards": shards, "part": made}
    console.result(result, [f"shard {shard} of {shards} of {modality}  {made}"])
