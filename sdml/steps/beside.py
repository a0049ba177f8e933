"""Trainings of several modalities beside each other, each in a process of its own.

Unlike processes that train one modality together, these know nothing of each other: one that fails
lets the others finish. SIGTERM is passed on to all that run, and the rest does not begin.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from sdml.steps.processes import GRACE_SECONDS, LOOK_SECONDS, tell, verdict, wait
from sdml.steps.schedule import Job, Machine, startable
from sdml.training.threads import CORES

_VISIBLE = "CUDA_VISIBLE_DEVICES"
_NOT_INHERITED = ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")  # they write into pipes

Say = Callable[[str, str], None]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How the trainings ended.

    Attributes:
        results: what each that was done has said on standard output, in the order asked for.
        failed: exit codes of those that were not done, by name; negative for a signal.
        not_begun: names of those that a stop came before.
        code: the exit code that all deserve together.
    """

    results: dict[str, Any]
    failed: dict[str, int]
    not_begun: list[str]
    code: int


@dataclass(eq=False)
class _Running:
    """One process, and the threads that read what it says."""

    job: Job
    gpu: int | None
    process: subprocess.Popen[str]
    out: list[str] = field(default_factory=list)
    readers: list[threading.Thread] = field(default_factory=list)


def run_beside(
    jobs: Sequence[Job],
    machine: Machine,
    command: Callable[[str], Sequence[str]],
    stop: Callable[[], bool],
    say: Say,
    *,
    pinned: Mapping[str, int] | None = None,
) -> Outcome:
    """Run a Python command for each job, as many at a time as fit, in the jobs' order.

    Args:
        jobs: from :func:`~sdml.steps.schedule.scheduled`.
        machine: what they share.
        command: what follows ``python`` for a job's name; prints one JSON object when it is done.
        stop: whether SIGTERM has come.
        say: gets a job's name and each line of its standard error.
        pinned: numbers of the GPUs that settings ask for, by the job's name. All others are given
            the GPU with the fewest trainings, as the only one they see.
    """
    stop()  # from now on SIGTERM is looked after here
    waiting, running, ended = list(jobs), list[_Running](), list[_Running]()
    stopped = False
    try:
        while running or (waiting and not stopped):
            if stop() and not stopped:
                stopped = True
                tell([one.process for one in running])
            while not stopped:
                job = startable(waiting, [one.job for one in running], machine)
                if job is None:
                    break
                waiting.remove(job)
                running.append(_started(job, running, machine, command, say, pinned or {}))
            for one in [one for one in running if one.process.poll() is not None]:
                running.remove(one)
                ended.append(one)
            if running:
                time.sleep(LOOK_SECONDS)
    except BaseException:  # Ctrl-C, mostly: they have got it too, and tell the tracking server
        tell([one.process for one in running])
        wait([one.process for one in running], GRACE_SECONDS)
        raise
    finally:
        for one in (*running, *ended):
            one.process.kill()
            one.process.wait()
            for reader in one.readers:
                reader.join()
    return _judged(jobs, ended, [job.name for job in waiting], stopped=stopped)


def _judged(
    jobs: Sequence[Job], ended: Sequence[_Running], not_begun: list[str], *, stopped: bool
) -> Outcome:
    codes = {one.job.name: one.process.returncode for one in ended}
    said = {one.job.name: "".join(one.out) for one in ended}
    names = [job.name for job in jobs if codes.get(job.name) == 0]
    code = verdict(list(codes.values()), stopped=stopped)
    return Outcome(
        results={name: json.loads(said[name]) for name in names},
        failed={name: code for name, code in codes.items() if code != 0},
        not_begun=not_begun,
        code=code or verdict([143] if not_begun else [], stopped=stopped),
    )


def _started(
    job: Job,
    running: Sequence[_Running],
    machine: Machine,
    command: Callable[[str], Sequence[str]],
    say: Say,
    pinned: Mapping[str, int],
) -> _Running:
    gpu = pinned.get(job.name, _emptiest(running, machine)) if job.gpu else None
    environment = {k: v for k, v in os.environ.items() if k not in _NOT_INHERITED}
    environment[CORES] = str(job.threads)
    if gpu is not None and job.name not in pinned:
        visible = os.environ.get(_VISIBLE) or ",".join(map(str, range(machine.gpus)))
        environment[_VISIBLE] = visible.split(",")[gpu]
    process = subprocess.Popen(  # noqa: S603  (this program itself)
        [sys.executable, *command(job.name)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    )
    started = _Running(job, gpu, process)
    _read(started, process.stdout, started.out.append)
    _read(started, process.stderr, lambda line: say(job.name, line.rstrip("\n")))
    return started


def _emptiest(running: Sequence[_Running], machine: Machine) -> int:
    """The GPU with the fewest trainings."""
    taken = Counter(one.gpu for one in running)
    return min(range(machine.gpus), key=lambda gpu: taken[gpu])


def _read(one: _Running, stream: IO[str] | None, take: Callable[[str], object]) -> None:
    """Take each line of a stream as it comes."""
    assert stream is not None

    def follow() -> None:
        with stream:
            for line in stream:
                take(line)

    reader = threading.Thread(target=follow, daemon=True)
    reader.start()
    one.readers.append(reader)
