"""The five modalities of XMedia on one machine, as sdml shares it out among them.

Against the released code's default, a process for each modality with all threads, and against our
own steps with all threads, one modality after the other. Every side's processes are there before
the clock starts; a round is so many epochs of all five.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from multiprocessing.connection import Connection, wait

from benchmarks.speed.figure import Figure, Options, paired
from benchmarks.speed.modalities_process import CLASSES, SETTINGS, SHAPES, start
from benchmarks.speed.rounds import by_turns
from sdml.steps.schedule import Job, Machine, scheduled, startable
from sdml.steps.workload import job_of
from sdml.subspace import Subspace
from sdml.training.memory import available_memory
from sdml.training.same_bits import same_bits

Channels = Mapping[str, Connection]


def measure(options: Options) -> Iterator[Figure]:
    """Both figures, from the same rounds."""
    epochs, rounds = (0.25, 3) if options.quick else (1, 7)
    machine = Machine(cores=options.threads, memory=available_memory())
    plan = scheduled(
        [job_of(name, shapes, 512, SETTINGS, on_gpu=False) for name, shapes in SHAPES.items()],
        machine,
    )
    sides = {side: {name: start(side, name) for name in SHAPES} for side in ("sdml", "reference")}
    for channels in sides.values():
        for channel in channels.values():
            channel.recv()
    cpu: dict[str, list[float]] = {"sdml": [], "reference": [], "in turn": []}
    all_threads = [replace(job, threads=options.threads) for job in plan]
    alone = replace(machine, memory=0)  # so nothing fits beside another
    crowd = replace(machine, cores=options.threads * len(plan))
    times = by_turns(
        {
            "sdml": lambda: cpu["sdml"].append(_run(plan, machine, sides["sdml"], epochs)),
            "reference": lambda: cpu["reference"].append(
                _run(all_threads, crowd, sides["reference"], epochs)
            ),
            "in turn": lambda: cpu["in turn"].append(
                _run(all_threads, alone, sides["sdml"], epochs)
            ),
        },
        rounds,
    )
    peaks = {side: _end(channels) for side, channels in sides.items()}
    threads = ", ".join(f"{job.name} {job.threads}" for job in plan)
    shared = {"threads": threads, "same_bits": str(_same_bits(plan, options.threads))}
    for peer, name, bar in (
        ("reference", "the released code's way, a process each with all threads", 2.5),
        ("in turn", "our steps with all threads, one modality after the other", 1.0),
    ):
        ratios = [p / o for p, o in zip(cpu[peer][1:], cpu["sdml"][1:], strict=True)]
        yield paired(
            f"XMedia, {epochs:g} epochs of 5 modalities, {options.threads} cores",
            peer=name,
            ours=times["sdml"].wall,
            theirs=times[peer].wall,
            unit="s",
            bar=bar,
            also={
                **shared,
                "cpu_time_ratio": f"{sorted(ratios)[len(ratios) // 2]:.2f}",
                "mebibytes_in_all": sum(peaks["sdml"].values()),
                **({"theirs": sum(peaks[peer].values())} if peer in peaks else {}),
            },
        )


def _run(jobs: list[Job], machine: Machine, channels: Channels, epochs: float) -> float:
    """Train all, each beginning as soon as it fits; returns CPU seconds."""
    waiting, running, cpu = list(jobs), dict[Connection, Job](), 0.0
    while waiting or running:
        job = startable(waiting, list(running.values()), machine)
        if job is not None:
            waiting.remove(job)
            running[channels[job.name]] = job
            steps = round(epochs * (SHAPES[job.name].samples // SETTINGS.batch_size))
            channels[job.name].send((steps, job.threads))
            continue
        for ready in wait(list(running)):
            assert isinstance(ready, Connection)
            cpu += ready.recv()
            del running[ready]
    return cpu


def _end(channels: Channels) -> dict[str, int]:
    """Each one's peak of memory, in mebibytes."""
    for channel in channels.values():
        channel.send((0, 0))
    return {name: channel.recv() for name, channel in channels.items()}


def _same_bits(plan: list[Job], threads: int) -> bool:
    """Whether each would have the same bits alone, with all threads."""
    projection = Subspace.random([str(c) for c in range(CLASSES)], dimension=512, seed=0)
    return all(
        job.threads
        == same_bits(SHAPES[job.name], projection.projection_KC, SETTINGS, [job.threads], threads)
        for job in plan
    )
