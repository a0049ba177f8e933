"""Lanes: the modalities of an experiment, grouped by what their training pods ask for.

In Kubeflow a loop's pods are all alike. So modalities that ask for the same share one loop, and
those that ask for another GPU, more memory or other nodes get a loop of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sdml.experiment import ClusterSettings, Experiment, ResourceSettings


@dataclass(frozen=True, kw_only=True)
class Lane:
    """One training loop: its modalities, and what each of its pods asks for."""

    resources: ResourceSettings
    modalities: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What decides the form of a compiled pipeline, its parameters apart.

    Attributes:
        lanes: at least one.
        cluster: images, names and resources; None for a run on this machine.
        cache: whether unchanged tasks may be skipped.
        together: whether a sweep trains all λ of a modality in one pod.
        sharded: whether some modality is prepared in shards.
    """

    lanes: tuple[Lane, ...]
    cluster: ClusterSettings | None
    cache: bool
    together: bool = False
    sharded: bool = False

    @property
    def loops(self) -> list[str]:
        """The pipeline parameter that each lane's loop runs over."""
        return ["trainings", *(f"trainings_{i}" for i in range(2, len(self.lanes) + 1))]


def cluster_plan(experiment: Experiment, modalities: Sequence[str], *, cache: bool) -> Plan:
    """The plan for Kubeflow: a lane for each different demand, in the order of the file."""
    grouped: list[tuple[ResourceSettings, list[str]]] = []
    for modality in modalities:
        resources = experiment.resources_of(modality)
        for known, members in grouped:
            if known == resources:
                members.append(modality)
                break
        else:
            grouped.append((resources, [modality]))
    lanes = tuple(Lane(resources=r, modalities=tuple(members)) for r, members in grouped)
    return Plan(
        lanes=lanes,
        cluster=experiment.cluster,
        cache=cache,
        together=experiment.sweep.together,
        sharded=has_shards(experiment, modalities),
    )


def local_plan(modalities: Sequence[str], *, together: bool = False, sharded: bool = False) -> Plan:
    """The plan for this machine: one lane, and nothing to ask anybody for."""
    lane = Lane(resources=ResourceSettings(), modalities=tuple(modalities))
    return Plan(lanes=(lane,), cluster=None, cache=False, together=together, sharded=sharded)


def has_shards(experiment: Experiment, modalities: Sequence[str]) -> bool:
    """Whether one of these modalities is prepared in shards."""
    return any(experiment.modalities[modality].shards > 1 for modality in modalities)
