"""Three teams that share GPUs: how long all takes, and who waits.

Trainings last as long as their modality has samples; sizes differ by orders of magnitude, so they
are drawn from a log-normal distribution (median 2 hours, σ = 1 in the logarithm).

Policies: ``in order``, as Kueue does without preemption; ``reclaim``, with it; ``longest first``,
without it, but each team has put its long trainings first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from benchmarks.scale.queue import Job, Schedule, Team, lower_bound, simulate

MEDIAN_HOURS = 2.0
SIGMA = 1.0
LOST_HOURS = 0.05  # an epoch since the last checkpoint, and the pod's start
# Of all modalities and all quotas: a large team, a small one, one that comes two hours late.
SHARES = (("large", 0.6, 0.5, 0.0), ("small", 0.2, 0.25, 0.0), ("late", 0.2, 0.25, 2.0))
Policy = Literal["in order", "reclaim", "longest first"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
GPUS = (1, 4, 8, 16, 32, 64)
MODALITIES = 100


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Simulated queues of one kind, the mean over their seeds; hours.

    ``waits`` is each team's mean from arrival to first start.
    """

    gpus: int
    policy: Policy
    makespan: float
    bound: float
    waits: dict[str, float]
    ratio: float
    worst: float
    preemptions: float


def teams_of(gpus: int) -> list[Team]:
    """Quotas by share, the first team taking what rounding leaves; equal weights."""
    quotas = [int(gpus * quota) for _, _, quota, _ in SHARES]
    quotas[0] += gpus - sum(quotas)
    return [Team(name=name, quota=q) for (name, *_), q in zip(SHARES, quotas, strict=True)]


def jobs_of(modalities: int, seed: int) -> list[Job]:
    """One training a modality, on one GPU each."""
    generator = np.random.default_rng(seed)
    hours = MEDIAN_HOURS * np.exp(SIGMA * generator.standard_normal(modalities))
    bounds = np.cumsum([round(modalities * part) for _, part, _, _ in SHARES])
    jobs = []
    for number, lasting in enumerate(hours.tolist()):
        place = min(int(np.searchsorted(bounds, number, side="right")), len(SHARES) - 1)
        name, _, _, arrival = SHARES[place]
        jobs.append(Job(team=name, hours=lasting, arrival=arrival))
    return jobs


def outcome(gpus: int, policy: Policy, *, modalities: int, seeds: int) -> Outcome:
    """Simulate one kind of queue with several draws of the jobs."""
    teams = teams_of(gpus)
    worlds = [jobs_of(modalities, seed) for seed in range(seeds)]
    if policy == "longest first":
        worlds = [sorted(jobs, key=lambda job: -job.hours) for jobs in worlds]
    preempt = policy == "reclaim"
    runs = [(jobs, simulate(jobs, teams, preempt=preempt, lost=LOST_HOURS)) for jobs in worlds]
    ratios = [found.makespan / lower_bound(jobs, gpus) for jobs, found in runs]
    return Outcome(
        gpus=gpus,
        policy=policy,
        makespan=float(np.mean([found.makespan for _, found in runs])),
        bound=float(np.mean([lower_bound(jobs, gpus) for jobs in worlds])),
        waits={
            team.name: float(np.mean([_wait(jobs, found, team.name) for jobs, found in runs]))
            for team in teams
        },
        ratio=float(np.mean(ratios)),
        worst=max(ratios),
        preemptions=float(np.mean([found.preemptions for _, found in runs])),
    )


def _wait(jobs: Sequence[Job], schedule: Schedule, team: str) -> float:
    waits = [
        start - job.arrival
        for job, start in zip(jobs, schedule.starts, strict=True)
        if job.team == team
    ]
    return float(np.mean(waits)) if waits else 0.0


def outcomes(*, seeds: int) -> Iterator[Outcome]:
    """Every number of GPUs under every policy."""
    for gpus in GPUS:
        for policy in POLICIES:
            yield outcome(gpus, policy, modalities=MODALITIES, seeds=seeds)
