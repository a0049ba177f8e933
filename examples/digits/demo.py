"""The whole way through on the embedded digits: what ``make demo`` runs.

Builds the raw collection, trains image and text through the train pipeline, adds audio
through the new-modality pipeline, proves that nothing older changed, shows the mAP table
and one search. Everything is written below this folder, or below ``--output``.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from examples.digits.build import build
from pipelines.local_run import run_locally
from sdml.cli.tables import map_table
from sdml.errors import SDMLError
from sdml.experiment import read_experiment
from sdml.steps.context import Context
from sdml.steps.evaluate import newest_report
from sdml.steps.search import search

HERE = Path(__file__).parent
console = Console(soft_wrap=True, highlight=False)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demonstration; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m examples.digits.demo", description=__doc__)
    parser.add_argument("--output", type=Path, default=HERE, metavar="FOLDER", help="where to")
    arguments = parser.parse_args(argv)
    try:
        demonstrate(arguments.output)
    except SDMLError as error:
        console.print(f"sdml: error: {error}", markup=False)
        return error.exit_code
    return 0


def demonstrate(folder: Path) -> None:
    """All steps, with their times; data, store and runs lie in ``folder``."""
    begin = time.perf_counter()
    heading("1. Build the raw collection: images, number words, touch tones")
    build(folder / "data", seed=0)
    if folder != HERE:
        for name in ("experiment.yaml", "audio.yaml"):
            shutil.copy(HERE / name, folder)
    say(f"{folder / 'data'}")

    heading("2. Train pipeline: prepare, train image and text apart, evaluate")
    experiment = read_experiment(folder / "experiment.yaml")
    run_locally("train", experiment, say=say)

    heading("3. New-modality pipeline: audio, against the stored subspace")
    store = Path(experiment.store)
    before = checksums(store)
    newcomer = read_experiment(folder / "audio.yaml")
    run_locally("new-modality", newcomer, say=say)
    after = checksums(store)
    changed = [name for name, digest in before.items() if after.get(name) != digest]
    if changed:
        raise SDMLError(f"older objects have changed: {', '.join(changed)}")
    say(f"{len(before)} older objects: every one byte for byte as before (sha256)")
    say(f"{len(after) - len(before)} new objects")

    heading("4. What came out")
    context = Context.open(newcomer, track=False)
    report = newest_report(context)
    console.print(map_table(report.pairs, report.similarity), markup=False)

    heading("5. Search: a touch tone finds images of its digit")
    recording = sorted((folder / "data" / "audio").glob("*digit-7*.wav"))[-1]
    found = search(context, query="audio", source=str(recording), gallery="image", top=5)
    say(f"query  {recording.relative_to(folder)}")
    for hit in found.queries[0].hits:
        say(f"{hit.rank}. {hit.score:.3f}  class {', '.join(hit.classes)}  {hit.item}")

    heading("Look further")
    say(f"report     {report.report}/report.html")
    mlflow = Path(sys.executable).with_name("mlflow")
    say(f"runs       {mlflow} ui --backend-store-uri {experiment.tracking}")
    say(f"store      {mlflow.with_name('sdml')} list {folder / 'audio.yaml'} --verify")
    say(f"all of it took {time.perf_counter() - begin:.0f} s")


def heading(text: str) -> None:
    """A line that opens a step."""
    console.print(f"\n[bold]{text}[/bold]")


def say(line: str) -> None:
    """An indented line."""
    console.print(f"  {line}", markup=False)


def checksums(folder: Path) -> dict[str, str]:
    """sha256 of every file below a folder, by relative path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


if __name__ == "__main__":
    sys.exit(main())
