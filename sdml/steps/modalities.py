"""Which modalities are trained beside each other on this machine, and with how many threads.

An encoder must not depend on its neighbours. Where matrix products give the same bits with any
number of threads, a modality may have fewer beside others than alone; that is tried before, for
the shapes at hand. Where they do not, it gets more, up to as many as it would have alone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from sdml.errors import SDMLError
from sdml.steps.context import Context
from sdml.steps.schedule import Job, Machine, scheduled
from sdml.steps.workload import Workload, job_of, workload
from sdml.training.device import find_device
from sdml.training.memory import available_memory
from sdml.training.same_bits import same_bits
from sdml.training.threads import available_cores

logger = logging.getLogger(__name__)


class ModalitiesError(SDMLError):
    """Not all of several modalities were trained; ``exit_code`` is what they deserve together."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, kw_only=True)
class MachinePlan:
    """What begins when, and where.

    Attributes:
        jobs: in the order in which they begin as soon as they fit.
        machine: what they share.
        pinned: the numbers of the GPUs that settings ask for, by modality.
    """

    jobs: list[Job]
    machine: Machine
    pinned: dict[str, int]


def plan_modalities(
    context: Context, modalities: Sequence[str], machine: Machine | None = None
) -> MachinePlan:
    """Look all modalities up, and share the machine out among them.

    Args:
        context: the opened experiment.
        modalities: names in the experiment file, each once.
        machine: what to share; by default what this process may use.

    Raises:
        ExperimentError, NotFoundError, SubspaceError: one of them cannot be trained.
    """
    machine = machine or this_machine()
    works = {name: workload(context, name) for name in modalities}
    devices = {name: _device(work, machine) for name, work in works.items()}
    jobs = [_job(work, on_gpu=devices[name] is not None) for name, work in works.items()]
    plan = _with_the_same_bits(scheduled(jobs, machine), works, machine)
    logger.info(
        "training %s on %s: %s",
        ", ".join(job.name for job in plan),
        _counted(machine),
        "; ".join(f"{job.name} with {_threads(job)}" for job in plan),
    )
    pinned = {name: gpu for name, gpu in devices.items() if gpu is not None and gpu >= 0}
    return MachinePlan(jobs=plan, machine=machine, pinned=pinned)


def this_machine() -> Machine:
    """What this process may use: cores, memory and GPUs."""
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return Machine(cores=available_cores(), memory=available_memory(), gpus=gpus)


def _job(work: Workload, *, on_gpu: bool) -> Job:
    plan = work.plan
    dimension = plan.subspace.dimension
    return job_of(plan.modality, work.shapes, dimension, plan.settings, on_gpu=on_gpu)


def _with_the_same_bits(
    jobs: list[Job], works: Mapping[str, Workload], machine: Machine
) -> list[Job]:
    """The schedule in which each has its bits of alone, where it has all cores by default."""
    known: set[tuple[str, int]] = set()
    while True:
        changed = {}
        for job in jobs:
            if job.fixed or job.gpu or (job.name, job.threads) in known:
                continue
            plan, shapes = works[job.name].plan, works[job.name].shapes
            threads = same_bits(
                shapes,
                plan.subspace.projection_KC,
                plan.settings,
                _from(job.threads, machine.cores),
                machine.cores,
            )
            known.add((job.name, threads))
            if threads != job.threads:
                changed[job.name] = replace(job, threads=threads, fixed=True)
                logger.info(
                    "%s would have other bits with %d threads than alone, and gets %d",
                    job.name,
                    job.threads,
                    threads,
                )
        if not changed:
            return jobs
        jobs = scheduled([changed.get(job.name, job) for job in jobs], machine)


def _from(threads: int, cores: int) -> Iterator[int]:
    """That number, and twice as many each time, below all cores."""
    while threads < cores:
        yield threads
        threads *= 2


def _device(work: Workload, machine: Machine) -> int | None:
    """The GPU that settings ask for, -1 for any one, None for the CPU.

    Raises:
        ExperimentError: there is no such device.
    """
    name = work.plan.settings.device
    if name == "auto":
        return -1 if machine.gpus else None
    kind, _, number = name.partition(":")
    if kind == "cuda" and machine.gpus and (not number or number in map(str, range(machine.gpus))):
        return int(number) if number else -1
    find_device(name)
    return None


def _threads(job: Job) -> str:
    if job.gpu:
        return "a GPU"
    return f"{job.threads} thread{'s' if job.threads > 1 else ''}"


def _counted(machine: Machine) -> str:
    gpus = f", {machine.gpus} GPUs" if machine.gpus else ""
    return f"{machine.cores} cores{gpus}"
