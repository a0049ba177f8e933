"""All cells of a table, one after another, each in a child process; finished ones are kept.

A cell is a JSON file ``<output>/cells/<digest>/<method>-v<version>-<settings>-s<seed>.json``. The
digest is of the prepared features and the evaluation settings, ``settings`` of the method's own
(grid, epochs, widths) and the number of threads. Whatever changes one of them makes another
file, and what is there already is not run again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.peers.catalogue import chosen_peers
from benchmarks.peers.cell import Request, request_json
from benchmarks.peers.collection import digest, prepared, read_views, short_hash
from benchmarks.peers.peer import Peer
from benchmarks.peers.views import Facts
from sdml.experiment import Experiment, dump_experiment
from sdml.steps.context import Context, origin
from sdml.tracking import NullTracker, Tracker

ROOT = Path(__file__).parents[2]
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Cell = dict[str, Any]


@dataclass(kw_only=True)
class Row:
    """What became of one method: its cells, or why there are none."""

    peer: Peer
    cells: list[Cell] = field(default_factory=list)
    refused: str | None = None
    failed: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the command was asked for."""

    seeds: int
    only: Sequence[str]
    quick: bool
    threads: int
    output: Path
    kept: bool = False  # run nothing


def run_table(
    experiment: Experiment,
    settings: Settings,
    tracker: Tracker,
    say: Callable[[str], None],
) -> tuple[list[Row], tuple[str, ...]]:
    """Prepare, run what is missing, and return a row for each method and the modalities.

    Raises:
        UserError: the experiment cannot be prepared, or a method's name is unknown.
    """
    peers = chosen_peers(experiment, list(settings.only), quick=settings.quick)
    own, features = prepared(experiment, settings.output / "prepared")
    context = Context.open(own, track=False)
    identity = digest(context, features)
    facts = Facts.of(read_views(context, features, "train"))
    version = context.catalog.get(next(iter(features.values())))
    subspace = context.catalog.get(origin(version, "subspace")).uri
    rows = []
    for peer in peers:
        row = Row(peer=peer, refused=_refusal(peer, facts))
        rows.append(row)
        if row.refused is not None:
            say(f"{peer.name}: refused")
            continue
        for seed in range(settings.seeds if peer.has_seed(facts) else 1):
            request = _request(own, settings, peer, seed, features, subspace, identity)
            if settings.kept:
                row.cells += filter(None, [_read(request)])
            else:
                _fill(row, request, tracker, say)
    return rows, tuple(features)


def environment(threads: int) -> dict[str, str]:
    """A child's variables: this process's, bounded threads, and the checkout on its path."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    bounds = dict.fromkeys(_THREAD_VARIABLES, str(threads))
    return {**os.environ, **bounds, "PYTHONPATH": path}


def tracked_metrics(cell: Cell) -> dict[str, float]:
    """As an evaluation is tracked; rankings after the first have names of their own."""
    values: dict[str, float] = {}
    for number, (ranking, maps) in enumerate(cell["maps"].items()):
        prefix = "map" if number == 0 else f"map_{ranking}"
        values |= {f"{prefix}/{pair.replace(' to ', '_to_')}": m for pair, m in maps.items()}
        values[f"{prefix}/mean"] = sum(maps.values()) / len(maps)
    for name in ("seconds", "cpu_seconds", "peak_mebibytes"):
        values[name] = cell[name]
    return values


def _refusal(peer: Peer, facts: Facts) -> str | None:
    """Of one training of the method; two-view methods train on pairs of modalities."""
    modalities = min(facts.modalities, 2) if peer.two_views else facts.modalities
    return peer.refusal(
        Facts(modalities=modalities, paired=facts.paired, multi_label=facts.multi_label)
    )


def _request(
    experiment: Experiment,
    settings: Settings,
    peer: Peer,
    seed: int,
    features: dict[str, str],
    subspace: str,
    identity: str,
) -> Request:
    own = short_hash(f"{peer!r} on {settings.threads} threads")
    key = f"{identity}/{peer.name}-v{peer.version}-{own}-s{seed}"
    return Request(
        experiment=dump_experiment(experiment),
        features=features,
        subspace=subspace,
        peer=peer.name,
        seed=seed,
        quick=settings.quick,
        threads=settings.threads,
        settings=repr(peer),
        path=str(settings.output / "cells" / f"{key}.json"),
        key=key,
    )


def _fill(row: Row, request: Request, tracker: Tracker, say: Callable[[str], None]) -> None:
    """Read the cell, or make it first."""
    title = f"{request.peer}, seed {request.seed}"
    kept = _read(request)
    if kept is not None:
        say(f"{title}: kept")
        row.cells.append(kept)
        _track(kept, tracker, Path(request.path))
        return
    say(f"{title}: …")
    child = subprocess.run(
        [sys.executable, "-m", "benchmarks.peers.cell"],
        input=request_json(request),
        env=environment(request.threads),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    made = _read(request)
    if child.returncode != 0 or made is None:
        reason = (child.stderr.strip().splitlines() or [f"exit code {child.returncode}"])[-1]
        say(f"{title}: failed: {child.stderr.strip() or reason}")
        row.failed.append(f"seed {request.seed}: {reason}")
        return
    say(f"{title}: {made['seconds']:.0f} s")
    row.cells.append(made)
    _track(made, tracker, Path(request.path))


def _read(request: Request) -> Cell | None:
    """The finished cell, unless it is missing or belongs to something else."""
    try:
        cell = json.loads(Path(request.path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return cell if isinstance(cell, dict) and cell.get("key") == request.key else None


def _track(cell: Cell, tracker: Tracker, path: Path) -> None:
    """Make the cell's run, unless it has one: a file beside the cell says so."""
    told = path.with_suffix(".tracked")
    if isinstance(tracker, NullTracker) or told.exists():
        return
    tags = {
        "level": "benchmark",
        "collection": cell["collection"],
        "benchmark": "peers",
        "peer": cell["peer"],
        "cell": cell["key"],
    }
    name = f"{cell['peer']} seed {cell['seed']}"
    with tracker.start(cell["collection"], name, tags=tags) as run:
        run.params(dict(_params(cell)))
        run.metrics(tracked_metrics(cell))
    told.touch()


def _params(cell: Cell) -> Iterator[tuple[str, object]]:
    for name in ("peer", "version", "settings", "seed", "quick", "pairing", "threads", "chosen"):
        yield name, cell[name]
