"""The figure of docs/scale.md: the simulated queues."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.scale.teams import POLICIES, SHARES, Outcome

_COLOURS = {"in order": "#3566a8", "reclaim": "#c1592b", "longest first": "#4b8a3f"}
_MARKS = {"in order": "o", "reclaim": "s", "longest first": "^"}


def draw(made: Sequence[Outcome], path: Path) -> None:
    """Makespan over the lower bound, and each team's wait, by the number of GPUs."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import StrMethodFormatter

    figure = Figure(figsize=(10, 3.6), layout="constrained")
    axes = figure.subplots(1, 4, width_ratios=[1.5, 1, 1, 1])
    for policy in POLICIES:
        some = [outcome for outcome in made if outcome.policy == policy]
        gpus = [outcome.gpus for outcome in some]
        how = {"color": _COLOURS[policy], "marker": _MARKS[policy], "ms": 4, "lw": 1.4}
        axes[0].plot(gpus, [o.ratio for o in some], label=policy, **how)
        for place, (name, *_) in enumerate(SHARES, start=1):
            axes[place].plot(gpus, [max(o.waits[name], 0.01) for o in some], **how)
    axes[0].set_ylabel("makespan / lower bound")
    axes[0].set_ylim(0.98)
    axes[0].legend(frameon=False)
    axes[0].set_title("100 trainings, three teams", fontsize=10)
    for place, (name, part, quota, arrival) in enumerate(SHARES, start=1):
        when = f",\n{arrival:g} h later" if arrival else ""
        axes[place].set_title(
            f"{name}: {part:.0%} of the jobs,\n{quota:.0%} of the quota{when}", fontsize=9
        )
        axes[place].set_yscale("log")
        axes[place].set_ylim(0.008, 400)
        axes[place].set_ylabel("mean wait, hours" if place == 1 else "")
    for one in axes:
        one.set_xscale("log", base=2)
        one.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        one.set_xlabel("GPUs")
        one.grid(alpha=0.25)
        one.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
