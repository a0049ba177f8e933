"""``sdml train``: the encoder of one modality, or of several beside each other."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdml.cli.console import Console
from sdml.cli.options import Commands, command, experiment_argument, open_experiment
from sdml.cli.result_file import check_writable, write_result
from sdml.errors import UserError
from sdml.steps.processes import run_together
from sdml.steps.stopping import stop_on_sigterm

if TYPE_CHECKING:
    from sdml.training import EpochRecord


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = command(
        commands,
        "train",
        _run,
        summary="train encoders against the stored subspace, each modality alone",
        examples="""
sdml train experiment.yaml
sdml train experiment.yaml --modality image
sdml train experiment.yaml --modality audio --json
sdml train experiment.yaml --modality image --reuse --result /dev/termination-log
sdml train experiment.yaml --modality image --processes 4""",
    )
    experiment_argument(parser)
    parser.add_argument(
        "--modality",
        action="append",
        metavar="M",
        help="which one; may be given again; all of the file by default",
    )
    parser.add_argument(
        "--reuse",
        action="store_true",
        help="if this very training was done before, take its encoder from the store",
    )
    parser.add_argument(
        "--result", type=Path, metavar="FILE", help="also write the JSON to this file"
    )
    parser.add_argument(
        "--processes",
        type=int,
        default=1,
        metavar="N",
        help="so many processes share each batch, each on a GPU of its own if there is one",
    )


def _run(arguments: argparse.Namespace, console: Console) -> None:
    with stop_on_sigterm() as stop:
        if arguments.result is not None:
            check_writable(arguments.result, experiment=arguments.file)
        if len(arguments.modality or ()) != 1:
            _train_several(arguments, console, stop)
        elif arguments.processes == 1:
            _train(arguments, console, stop)
        else:
            _train_together(arguments, stop)


def _train_several(
    arguments: argparse.Namespace, console: Console, stop: Callable[[], bool]
) -> None:
    from sdml.steps.groups import planned_groups, run_groups
    from sdml.steps.modalities import ModalitiesError

    if arguments.processes != 1 or os.environ.get("WORLD_SIZE", "1") != "1":
        raise UserError(
            "several processes train one modality together: name it with --modality, or leave out "
            "--processes and torchrun to train several modalities beside each other"
        )
    context = open_experiment(arguments)
    names = list(dict.fromkeys(arguments.modality or context.experiment.modalities))
    groups = planned_groups(context, names)
    options = [f"--{name}" for name in ("quiet", "reuse") if getattr(arguments, name)]
    speaking = threading.Lock()

    def say(name: str, line: str) -> None:
        with speaking:
            sys.stderr.write(f"sdml: {name}: {line.removeprefix('sdml: ')}\n")
            sys.stderr.flush()

    def command(name: str) -> list[str]:
        given = [f"--modality={name}", "--json", *options]
        return ["-m", "sdml", "train", *given, "--", str(arguments.file)]

    ended = run_groups(context, groups, command, stop, say)
    results = [ended.results[name] for name in names if name in ended.results]
    if ended.code == 0 and arguments.result is not None:
        write_result(arguments.result, results)
    console.result(results, [line for result in results for line in _lines(result, named=True)])
    if ended.code != 0:
        codes = [f"{name} (exit code {code})" for name, code in ended.failed.items()]
        unborn = [f"{name} (not begun)" for name in ended.not_begun]
        raise ModalitiesError(
            f"of {len(names)} modalities {len(names) - len(results)} were not trained: "
            f"{', '.join(codes + unborn)}: see what they have said, and run the same again",
            ended.code,
        )


def _train_together(arguments: argparse.Namespace, stop: Callable[[], bool]) -> None:
    from sdml.experiment import SECTIONS, read_experiment

    if arguments.processes < 1:
        raise UserError(f"--processes must be at least 1, not {arguments.processes}")
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise UserError(
            "--processes starts the processes itself, but WORLD_SIZE says that another launcher "
            "has started this one: leave out one of them"
        )
    experiment = read_experiment(arguments.file)  # a mistake is told once, not by each process
    (modality,) = arguments.modality
    known = modality in experiment.modalities
    method = experiment.training_of(modality).method if known else ""
    if method in SECTIONS and arguments.processes > 1:
        raise UserError(
            f"method {method} trains in one process, not in {arguments.processes}: leave "
            "--processes out"
        )
    options = [f"--modality={arguments.modality[0]}"]
    options += [f"--{name}" for name in ("json", "quiet", "reuse") if getattr(arguments, name)]
    options += [f"--result={arguments.result}"] if arguments.result is not None else []
    command = ["-m", "sdml", "train", *options, "--", str(arguments.file)]
    code = run_together(arguments.processes, command, stop)
    if code != 0:
        sys.exit(code)  # the processes have said why


def _train(arguments: argparse.Namespace, console: Console, stop: Callable[[], bool]) -> None:
    from sdml.steps.train import settings_of, train
    from sdml.training import Place, joined

    place = Place.of_environment()
    if place.rank > 0:  # process 0 speaks for all
        console = Console(quiet=True)
        logging.getLogger("sdml").setLevel(logging.ERROR)
    (modality,) = arguments.modality
    context = open_experiment(arguments, track=place.rank == 0)
    settings = settings_of(context, modality, None)
    with (
        joined(place, settings.device) as ranks,
        console.progress(f"train {modality}") as advance,
    ):

        def on_epoch(record: EpochRecord, epochs: int) -> None:
            advance(
                record.epoch,
                epochs,
                f"loss {record.train_loss:.4f}, validation {record.validation_supervised:.4f}, "
                f"{record.samples_per_second:,.0f} samples/s",
            )

        trained = train(
            context,
            modality,
            on_epoch=on_epoch,
            stop=stop,
            reuse=arguments.reuse,
            ranks=ranks,
        )
    if not ranks.leads:
        return
    result = asdict(trained)
    if arguments.result is not None:
        write_result(arguments.result, result)
    console.result(result, _lines(result))


def _lines(result: Mapping[str, Any], *, named: bool = False) -> list[str]:
    """One encoder for people."""
    seconds = "none, it was trained before" if result["reused"] else f"{result['seconds']:.1f} s"
    return [
        *([f"modality    {result['modality']}"] if named else []),
        f"encoder     {result['encoder']}",
        f"best epoch  {result['best_epoch']} of {result['epochs']}",
        f"time        {seconds}",
    ]
