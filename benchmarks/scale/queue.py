"""A queue of trainings on g GPUs shared by several teams, as Kueue admits them.

What is modelled, from Kueue's KEP-1714 (fair sharing), its page "Preemption" and its scheduler
(pkg/scheduler/fair_sharing_iterator.go, pkg/scheduler/preemption/fairsharing/strategy.go):

- Each team is a ClusterQueue with a nominal quota of GPUs; all are in one cohort and may borrow
  what the others leave unused.
- In a cycle each ClusterQueue nominates the head of its queue (first in, first out). Of these, the
  one with the lowest *share* is tried first: the GPUs it would hold above its nominal quota with
  the nominee admitted, over the cohort's quota, divided by its weight. Ties: the older job.
  A nominee that fits is admitted, borrowing or not; one that does not fit waits, and the rest of
  its queue behind it.
- Preemption, if on: a nominee within its team's nominal quota reclaims from any team that borrows
  (reclaimWithinCohort: Any, without borrowing); one that must borrow may preempt by the rule
  ``LessThanOrEqualToFinalShare``: its team's share with it is at most the target team's share
  without the victim. Victims: from the team with the highest share, the newest admitted first.
- A preempted training goes on from its checkpoint, after ``lost`` hours that it does again.

Not modelled: priorities, several resources or flavours, hierarchies of cohorts, the second rule
LessThanInitialShare, preemption among teams of weight 0, putting victims back when fewer would do,
and the seconds of a cycle. One resource makes the dominant share that resource's share.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Team:
    """A ClusterQueue: its nominal quota of GPUs, and its weight in sharing the rest."""

    name: str
    quota: int
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Job:
    """One training: ``gpus`` for ``hours``, in a team's queue from ``arrival`` on."""

    team: str
    hours: float
    arrival: float = 0.0
    gpus: int = 1

    @property
    def work(self) -> float:
        """GPU-hours."""
        return self.hours * self.gpus


@dataclass(frozen=True, kw_only=True)
class Slice:
    """A job on its GPUs from one time to another; a preempted job has several."""

    job: int
    begin: float
    end: float


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What came of the queue, jobs in the order given."""

    slices: tuple[Slice, ...]
    starts: tuple[float, ...]
    ends: tuple[float, ...]
    preemptions: int

    @property
    def makespan(self) -> float:
        """When the last job ended; 0 of none."""
        return max(self.ends, default=0.0)


def lower_bound(jobs: Sequence[Job], gpus: int) -> float:
    """No schedule ends sooner: the longest job, and all work that is left from any time on.

    For jobs that are all there at 0 that is max(longest, total work / g).
    """
    arrivals = sorted({job.arrival for job in jobs})
    of_work = (t + sum(job.work for job in jobs if job.arrival >= t) / gpus for t in arrivals)
    return max([*(job.arrival + job.hours for job in jobs), *of_work], default=0.0)


def simulate(
    jobs: Sequence[Job], teams: Sequence[Team], *, preempt: bool = False, lost: float = 0.0
) -> Schedule:
    """Run the queue until all jobs are done; the cohort has the sum of the quotas.

    Raises:
        ValueError: a job of an unknown team, one that needs more than there is, or no work.
    """
    return _Cohort(jobs, teams, preempt=preempt, lost=lost).run()


@dataclass
class _Queue:
    team: Team
    waiting: deque[int] = field(default_factory=deque)
    running: list[int] = field(default_factory=list)  # in the order of admission
    used: int = 0


class _Cohort:
    def __init__(
        self, jobs: Sequence[Job], teams: Sequence[Team], *, preempt: bool, lost: float
    ) -> None:
        self._jobs, self._preempt, self._lost = jobs, preempt, lost
        self._queues = {team.name: _Queue(team) for team in teams}
        self._capacity = sum(team.quota for team in teams)
        for job in jobs:
            if job.team not in self._queues or not 0 < job.gpus <= self._capacity or job.hours <= 0:
                raise ValueError(f"a job must fit the cohort and its team be one of it: {job}")
        self._now = 0.0
        self._left = [job.hours for job in jobs]
        self._begun: dict[int, float] = {}
        self._ending: list[tuple[float, int, float]] = []  # end, job, its begin
        self._slices: list[Slice] = []
        self._starts = [float("nan")] * len(jobs)
        self._ends = [float("nan")] * len(jobs)
        self._preemptions = 0

    def run(self) -> Schedule:
        coming = deque(sorted(range(len(self._jobs)), key=lambda n: (self._jobs[n].arrival, n)))
        while coming or self._ending:
            ends = self._ending[0][0] if self._ending else float("inf")
            comes = self._jobs[coming[0]].arrival if coming else float("inf")
            self._now = min(ends, comes)
            while self._ending and self._ending[0][0] <= self._now:
                _, number, begin = heapq.heappop(self._ending)
                if self._begun.get(number) == begin:  # else it was preempted meanwhile
                    self._end(number)
            while coming and self._jobs[coming[0]].arrival <= self._now:
                number = coming.popleft()
                self._queues[self._jobs[number].team].waiting.append(number)
            while self._cycle():
                pass
        return Schedule(
            slices=tuple(self._slices),
            starts=tuple(self._starts),
            ends=tuple(self._ends),
            preemptions=self._preemptions,
        )

    def _cycle(self) -> bool:
        """One round of nominees; whether one was admitted."""
        nominees = [(queue, queue.waiting[0]) for queue in self._queues.values() if queue.waiting]
        admitted = False
        while nominees:
            # Shares change with each admission within the cycle.
            queue, number = min(
                nominees,
                key=lambda n: (self._share(n[0], self._jobs[n[1]].gpus), self._jobs[n[1]].arrival),
            )
            nominees.remove((queue, number))
            victims = self._room_for(queue, self._jobs[number].gpus)
            if victims is None:
                continue
            for victim in victims:
                self._evict(victim)
            queue.waiting.remove(number)  # an evicted one may stand before it now
            self._begin(queue, number)
            admitted = True
        return admitted

    def _share(self, queue: _Queue, more: int = 0) -> float:
        """GPUs above the nominal quota over the cohort's, by weight; a weight of 0 is last."""
        above = max(0, queue.used + more - queue.team.quota) / self._capacity
        if above and not queue.team.weight:
            return float("inf")
        return above / queue.team.weight if above else 0.0

    def _room_for(self, queue: _Queue, gpus: int) -> list[int] | None:
        """Whom to evict so that a job fits: nobody, some, or None if it does not fit."""
        free = self._capacity - sum(other.used for other in self._queues.values())
        if gpus <= free:
            return []
        if not self._preempt:
            return None
        within = queue.used + gpus <= queue.team.quota
        new_share = self._share(queue, gpus)
        gone: list[int] = []
        while free < gpus:
            victim = self._victim(queue, within, new_share, gone)
            if victim is None:
                return None
            gone.append(victim)
            free += self._jobs[victim].gpus
        return gone

    def _victim(
        self, queue: _Queue, within: bool, new_share: float, gone: Sequence[int]
    ) -> int | None:
        freed = {
            name: sum(self._jobs[n].gpus for n in gone if self._jobs[n].team == name)
            for name in self._queues
        }
        others = [other for other in self._queues.values() if other is not queue]
        others.sort(key=lambda other: self._share(other, -freed[other.team.name]), reverse=True)
        for other in others:
            already = -freed[other.team.name]
            for number in reversed(other.running):
                if number in gone or other.used + already <= other.team.quota:
                    continue  # it does not borrow
                after = self._share(other, already - self._jobs[number].gpus)
                if within or new_share <= after < float("inf"):
                    return number
        return None

    def _begin(self, queue: _Queue, number: int) -> None:
        job = self._jobs[number]
        queue.used += job.gpus
        queue.running.append(number)
        self._begun[number] = self._now
        if self._starts[number] != self._starts[number]:
            self._starts[number] = self._now
        heapq.heappush(self._ending, (self._now + self._left[number], number, self._now))

    def _stop(self, number: int) -> _Queue:
        job = self._jobs[number]
        queue = self._queues[job.team]
        queue.used -= job.gpus
        queue.running.remove(number)
        begin = self._begun.pop(number)
        if self._now > begin:
            self._slices.append(Slice(job=number, begin=begin, end=self._now))
        return queue

    def _end(self, number: int) -> None:
        self._stop(number)
        self._ends[number] = self._now

    def _evict(self, number: int) -> None:
        done = self._now - self._begun[number]
        self._left[number] -= max(0.0, done - self._lost)
        self._stop(number).waiting.appendleft(number)
        self._preemptions += 1
