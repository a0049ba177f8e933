"""``python -m benchmarks.scale [--quick] [--json FILE] [--figure FILE.png] [--store URI] …``.

Measures small work at three sizes, fits a line to two of them and says how far it is off at the
third; counts requests to the store; then tells what larger collections need, how an MLflow server
fares under many runs, and how a queue shares GPUs among teams. GPU-hours follow from stated
constants of a device and are not measured.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from benchmarks.scale import tracking
from benchmarks.scale.figure import draw
from benchmarks.scale.fit import Line, fitted
from benchmarks.scale.growth import rows, short, table
from benchmarks.scale.measures import measures
from benchmarks.scale.model import Accelerator, newest_requests
from benchmarks.scale.requests import of_a_run, of_the_newest
from benchmarks.scale.teams import outcomes
from sdml.tracking.sender import pace

CALL, METRIC = 0.042, 1.2e-4  # seconds, of a server measured once; --tracking measures another
RUNS = (10, 100, 1100)
EPOCHS = (0.04, 1.0, 30.0)


def main() -> None:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less work; the errors are larger")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything here")
    parser.add_argument("--figure", type=Path, metavar="FILE.png", help="draw the queues")
    parser.add_argument("--store", metavar="URI", help="measure transfers to this store")
    parser.add_argument("--tracking", metavar="URI", help="measure calls to this MLflow server")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    said: dict[str, Any] = {}
    lines = [*measures(quick=arguments.quick, store=arguments.store), _requests()]
    if arguments.tracking:
        lines.append(tracking.measure(arguments.tracking))
    print("Fitted at two sizes, checked at a third\n")
    for line in lines:
        print(_line(line))
    said["lines"] = [line.as_json() for line in lines]
    by_name = {line.name.partition(":")[0]: line for line in lines}
    made = rows(by_name, by_name["requests"], Accelerator())
    print("\nGrowth (GPU-hours by the stated constants of an H200; other hours of one core)\n")
    print(table(made))
    said["growth"] = [asdict(row) for row in made]
    print("\nRequests that find the newest of so many versions\n")
    said["newest"] = list(_newest())
    print("\nAn MLflow server under many runs\n")
    said["tracking"] = list(_tracking(by_name.get("tracking")))
    print("\n100 trainings of three teams\n")
    queues = list(outcomes(seeds=5 if arguments.quick else 20))
    for queue in queues:
        waits = ", ".join(f"{team} {short(hours)} h" for team, hours in queue.waits.items())
        print(
            f"| {queue.gpus} | {queue.policy} | {short(queue.makespan)} h | {queue.ratio:.2f} "
            f"(at worst {queue.worst:.2f}) | {waits} | {short(queue.preemptions)} |"
        )
    said["queues"] = [asdict(queue) for queue in queues]
    if arguments.figure:
        draw(queues, arguments.figure)
    if arguments.json:
        arguments.json.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


def _line(line: Line) -> str:
    sizes = ", ".join(
        f"{size:,}: {seconds:.4g}" for size, seconds in zip(line.sizes, line.seconds, strict=True)
    )
    return (
        f"| {line.name} | {sizes} | {line.constant:.3g} + {line.price:.3g} a {line.unit} | "
        f"{line.error:+.0%} |"
    )


def _requests() -> Line:
    """Requests of a whole run by modalities: the same kind of line, of numbers not of seconds."""
    with tempfile.TemporaryDirectory(prefix="sdml-scale-") as folder:
        return fitted(
            "requests: prepare, train, evaluate, search, by modalities",
            "modality",
            (2, 4, 9),
            float,
            lambda modalities: float(of_a_run(modalities, Path(folder)).total),
        )


def _newest() -> list[dict[str, int]]:
    made = []
    for versions in (1, 100, 1000):
        counted = sum(of_the_newest(versions).values())
        told = newest_requests(versions, 4, by_id=True)
        plain = newest_requests(versions, 4, by_id=False)
        print(f"| {versions} | {counted} | by the formula {told} | reading all {plain} |")
        made.append({"versions": versions, "counted": counted, "told": told, "reading_all": plain})
    return made


def _tracking(measured: Line | None) -> list[dict[str, float]]:
    call = measured.constant if measured else CALL
    metric = measured.price if measured else METRIC
    made = []
    for runs in RUNS:
        for epoch in EPOCHS:
            plain = tracking.load(runs, epoch, call=call, metric=metric, pace=lambda _: 0.5)
            found = tracking.load(runs, epoch, call=call, metric=metric, pace=pace)
            kept = "" if math.isclose(found.taken, found.offered) else ", the rest is sent later"
            lost = " (given up)" if plain.answer > tracking.TIMEOUT else ""
            print(
                f"| {runs} | {epoch:g} s | {short(found.offered)} | "
                f"{short(plain.answer)} s{lost} | {short(found.answer)} s | "
                f"{short(found.taken)}{kept} |"
            )
            made.append(
                {
                    "runs": runs,
                    "epoch_seconds": epoch,
                    "offered": found.offered,
                    "answer_fixed_pace": plain.answer,
                    "answer": found.answer,
                    "taken": found.taken,
                }
            )
    return made


if __name__ == "__main__":
    main()
