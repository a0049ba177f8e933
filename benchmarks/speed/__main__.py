"""``python -m benchmarks.speed [--only NAME] [--quick] [--threads N] [--json FILE]``.

Each piece of work is run by sdml and by a named peer, by turns, in the same run; a line gives the
median ratio of their times with its range, and what share of the machine's ceiling sdml reaches.
"""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.speed.catalogue import WORK, measure_of
from benchmarks.speed.ceilings import copy_rate, product_rate
from benchmarks.speed.figure import Figure, Options
from sdml.training.threads import available_cores


def main() -> None:
    """Measure, print a line a figure, write JSON if asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", choices=sorted(WORK), help="may be repeated")
    parser.add_argument("--quick", action="store_true", help="less work; the figures are rough")
    parser.add_argument("--threads", type=int, default=available_cores(), metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    arguments = parser.parse_args()
    options = Options(quick=arguments.quick, threads=arguments.threads)
    machine = describe(options)
    print(", ".join(f"{name} {value}" for name, value in machine.items()), flush=True)
    measured: dict[str, list[dict[str, Any]]] = {}
    for name in arguments.only or WORK:
        print(f"\n{name}: {WORK[name]}", flush=True)
        measured[name] = []
        for figure in measure_of(name)(options):
            print(line(figure), flush=True)
            measured[name].append(figure.as_json())
            if arguments.json:
                said = json.dumps({"machine": machine, "figures": measured}, indent=1)
                arguments.json.write_text(said + "\n", encoding="utf-8")


def describe(options: Options) -> dict[str, Any]:
    """The machine and its ceilings."""
    return {
        "machine": platform.machine(),
        "threads": options.threads,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "product_gflops": round(product_rate(options.threads) / 1e9),
        "product_bf16_gflops": round(product_rate(options.threads, torch.bfloat16) / 1e9),
        "copy_gbytes": round(copy_rate(options.threads) / 1e9, 1),
    }


def line(figure: Figure) -> str:
    """One figure for people."""
    said = f"  {figure.name:<44} {figure.ours:9.4g} {figure.unit}"
    if figure.ratios:
        said += f", {figure.peer} {figure.theirs:.4g}: ratio {figure.ratio:.2f}"
        said += f" ({min(figure.ratios):.2f} to {max(figure.ratios):.2f})"
    if figure.bar is not None:
        said += f", at least {figure.bar:g}: {'met' if figure.ratio >= figure.bar else 'NOT met'}"
    if figure.ceiling is not None:
        said += f", {figure.ceiling:.0%} of the ceiling"
    return said + "".join(f", {name} {value}" for name, value in figure.also.items())


if __name__ == "__main__":
    main()
