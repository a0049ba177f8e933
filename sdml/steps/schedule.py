"""Several trainings on the cores of one machine: how many threads each gets, and in which order.

Threads together never exceed the cores, since one thread too many stalls every step that shares
its work. One thread each is the most work a second, as none waits for another; more threads for
one pay only where cores would idle. So each begins with one, and while the whole gets shorter by
it, the training that ends last gets one more.

On a GPU each is driven by one core. A few share a GPU, since none of these networks fills one.

The order is longest first: whatever fits into what is free begins, as in Graham's list scheduling,
whose end is at most 4/3 of the earliest possible one for trainings of one thread. Should one after
the other with all cores be sooner, then so it is.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

_SPEED_UP = 0.8  # t threads do t^0.8 of what one does
_ON_ONE_GPU = 4  # trainings at a time
_WORTH_SECONDS = 2e-3  # of a step: in less, threads wait longer for each other than they work


@dataclass(frozen=True, kw_only=True)
class Job:
    """One training.

    Attributes:
        name: the modality.
        seconds: with one thread, roughly.
        step_seconds: one step of it.
        memory: bytes that it takes.
        threads: that it gets.
        fixed: it gets exactly those, as its settings say.
        gpu: it computes on a GPU; a core drives it.
    """

    name: str
    seconds: float
    step_seconds: float
    memory: int
    threads: int = 1
    fixed: bool = False
    gpu: bool = False

    @property
    def duration(self) -> float:
        """Seconds with its threads."""
        worth = max(1, int(self.step_seconds / _WORTH_SECONDS))
        useful = 1 if self.gpu else min(self.threads, worth)
        return self.seconds / math.pow(useful, _SPEED_UP)


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What there is: cores, bytes of memory, GPUs."""

    cores: int
    memory: int
    gpus: int = 0


def scheduled(jobs: Iterable[Job], machine: Machine) -> list[Job]:
    """The jobs with their threads, in the order in which they begin as soon as they fit.

    Threads that settings ask for beyond the cores are given nevertheless, to that job alone.
    """
    one_each = _ordered(jobs)
    in_turn = [
        one if one.fixed or one.gpu else replace(one, threads=machine.cores) for one in one_each
    ]
    shared = _shared(one_each, machine)
    return min(shared, _ordered(in_turn), key=lambda plan: makespan(plan, machine))


def _shared(best: list[Job], machine: Machine) -> list[Job]:
    """One thread more for the job that ends last, as long as that is of use."""
    while True:
        ends = _ends(best, machine)
        last = max(best, key=lambda job: ends[job.name])
        if last.fixed or last.gpu or last.threads >= machine.cores:
            return best
        more = replace(last, threads=last.threads + 1)
        tried = _ordered([more if job is last else job for job in best])
        if _latest_first(_ends(tried, machine)) >= _latest_first(ends):
            return best
        best = tried


def makespan(jobs: Sequence[Job], machine: Machine) -> float:
    """Seconds until the last of the jobs ends, begun in this order."""
    return max(_ends(jobs, machine).values())


def startable(waiting: Sequence[Job], running: Sequence[Job], machine: Machine) -> Job | None:
    """The first of the waiting jobs that fits beside the running ones; any one fits alone."""
    cores = machine.cores - sum(job.threads for job in running)
    memory = machine.memory - sum(job.memory for job in running)
    on_gpus = sum(job.gpu for job in running)
    for job in waiting:
        fits = job.threads <= cores and job.memory <= memory
        if not running or (fits and not (job.gpu and on_gpus >= machine.gpus * _ON_ONE_GPU)):
            return job
    return None


def _ordered(jobs: Iterable[Job]) -> list[Job]:
    return sorted(jobs, key=lambda job: (-job.duration, job.name))


def _latest_first(ends: Mapping[str, float]) -> list[float]:
    return sorted(ends.values(), reverse=True)


def _ends(jobs: Sequence[Job], machine: Machine) -> dict[str, float]:
    """When each ends."""
    waiting, ends = list(jobs), {}
    running: list[tuple[float, str, Job]] = []
    now = 0.0
    while waiting or running:
        job = startable(waiting, [job for *_, job in running], machine)
        if job is None:
            now, name, _ = heapq.heappop(running)
            ends[name] = now
        else:
            waiting.remove(job)
            heapq.heappush(running, (now + job.duration, job.name, job))
    return ends
