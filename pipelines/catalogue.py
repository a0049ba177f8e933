"""The pipelines by name, and the arguments that an experiment file gives each of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import yaml
from kfp.dsl.base_component import BaseComponent

from pipelines import new_modality, prior, sweep, train
from pipelines.lanes import Plan, cluster_plan, has_shards, local_plan
from pipelines.pod_address import is_loopback, tracking_host
from sdml.errors import ExperimentError
from sdml.experiment import Experiment, dump_experiment

_MOST_BYTES = 120_000  # Linux allows 131,072 in one argument, and names and quotes take some

BUILDERS: dict[str, Callable[[Plan], BaseComponent]] = {
    train.NAME: train.build,
    new_modality.NAME: new_modality.build,
    sweep.NAME: sweep.build,
    prior.NAME: prior.build,
}


def plan_for(
    name: str, experiment: Experiment, *, modalities: Sequence[str] | None, cache: bool
) -> Plan:
    """What the pipeline looks like on the experiment's cluster.

    Raises:
        ExperimentError: the file has no such modality, there are too few of them, one would be
            trained beside its partner, or a pod of a sweep together or of a prior has several
            accelerators.
    """
    chosen = _chosen(name, experiment, modalities)
    if name == sweep.NAME and experiment.sweep.together:
        _check_counts(experiment, chosen, "with sweep.together", "lower it, or leave together out")
    if name == prior.NAME:
        _check_counts(experiment, chosen, f"in the {name} pipeline", "lower it")
    return cluster_plan(experiment, chosen, cache=cache)


def _check_counts(
    experiment: Experiment, modalities: Sequence[str], where: str, remedy: str
) -> None:
    """A pod that trains in one process has no use for a second accelerator."""
    for modality in modalities:
        count = experiment.resources_of(modality).count
        if count > 1:
            raise ExperimentError(
                f"modalities.{modality}.resources.count must be at most 1 {where}, which trains in "
                f"one process, but is {count}: {remedy}"
            )


def arguments_for(
    name: str,
    experiment: Experiment,
    *,
    modalities: Sequence[str] | None,
    plan: Plan | None = None,
) -> dict[str, Any]:
    """Pipeline parameters for one run.

    Args:
        name: a key of :data:`BUILDERS`.
        modalities: which ones; all of the file by default, or all of method drcl for a prior. A
            name given twice counts once.
        plan: of the pipeline; by default that of a run on this machine.

    Raises:
        ExperimentError: the file has no such modality, there are too few of them, or the
            tracking address holds a password, which every parameter of a run would show.
    """
    chosen = _chosen(name, experiment, modalities)
    plan = plan or local_plan(chosen, sharded=has_shards(experiment, chosen))
    arguments: dict[str, Any] = {
        "experiment": one_line(experiment, in_pods=plan.cluster is not None),
        "modalities": chosen,
        "reuse": plan.cache,
    }
    for loop, lane in zip(plan.loops, plan.lanes, strict=True):
        arguments[loop] = _trainings(name, experiment, lane.modalities)
    if plan.sharded:
        arguments["shards"] = _shards(experiment, chosen)
    if name == sweep.NAME:
        arguments["weights"] = list(experiment.sweep.lambdas)
    if plan.cluster is not None:
        _check_size(arguments)
    return arguments


def _check_size(arguments: dict[str, Any]) -> None:
    """Kubeflow hands all parameters to a pod in one argument, which Linux limits."""
    said = {name: len(json.dumps(value).encode()) for name, value in arguments.items()}
    if sum(said.values()) > _MOST_BYTES:
        largest = max(said, key=lambda name: said[name])
        raise ExperimentError(
            f"the parameters of a pipeline must have at most {_MOST_BYTES} bytes together, these "
            f"have {sum(said.values())}, most of them in {largest!r}: divide the work among "
            "several runs, with fewer modalities (--modality) or fewer values in sweep.lambdas"
        )


def _shards(experiment: Experiment, modalities: Sequence[str]) -> list[dict[str, Any]]:
    """Every shard of every modality that has more than one."""
    counts = {modality: experiment.modalities[modality].shards for modality in modalities}
    return [
        {"modality": modality, "shard": shard, "shards": count}
        for modality, count in counts.items()
        if count > 1
        for shard in range(1, count + 1)
    ]


def _trainings(
    name: str, experiment: Experiment, modalities: Sequence[str]
) -> list[dict[str, Any]]:
    """Every training of a loop: its modality and its λ, if it has one."""
    if name == prior.NAME or (name == sweep.NAME and experiment.sweep.together):
        return [{"modality": m} for m in modalities]
    if name == sweep.NAME:
        weights = experiment.sweep.lambdas
        return [{"modality": m, "weight": w} for w in weights for m in modalities]
    return [{"modality": m, "weight": experiment.training_of(m).lambda_} for m in modalities]


def _chosen(name: str, experiment: Experiment, modalities: Sequence[str] | None) -> list[str]:
    chosen = list(
        dict.fromkeys(_by_default(name, experiment) if modalities is None else modalities)
    )
    have = ", ".join(experiment.modalities)
    unknown = [m for m in chosen if m not in experiment.modalities]
    if unknown:
        raise ExperimentError(
            f"modality {unknown[0]!r} is not in the experiment file, which has: {have}"
        )
    if not chosen:
        raise ExperimentError(
            f"a pipeline run needs at least one modality, none was named: choose from {have}"
        )
    if name == prior.NAME:
        return chosen
    if len(chosen) < 2 and name != new_modality.NAME:
        raise ExperimentError(
            f"the {name} pipeline compares modalities with each other and needs at least two, "
            f"not only {chosen[0]!r}: name another, or use the {new_modality.NAME} pipeline to "
            "train one beside those that are stored"
        )
    _check_partners(name, experiment, chosen)
    return chosen


def _by_default(name: str, experiment: Experiment) -> list[str]:
    """All modalities of the file; for a prior, those that can have one, if there are such."""
    every = list(experiment.modalities)
    able = [m for m in every if experiment.training_of(m).method == "drcl"]
    return able or every if name == prior.NAME else every


def _check_partners(name: str, experiment: Experiment, chosen: Sequence[str]) -> None:
    """Trainings of one run go on at the same time, so a partner must have been trained before."""
    for modality in chosen:
        mtls = experiment.training_of(modality).mtls
        if mtls is not None and name == sweep.NAME:
            raise ExperimentError(
                f"modalities.{modality}: the {name} pipeline varies λ, which method mtls has not: "
                "leave that modality out with --modality"
            )
        if mtls is not None and mtls.partner in chosen:
            raise ExperimentError(
                f"modalities.{modality}: method mtls trains it against the stored codes of "
                f"{mtls.partner}, but the {name} pipeline trains both at the same time: train "
                f"{mtls.partner} before, by 'sdml train' or in a run without {modality} "
                f"(--modality names the others), then {modality} with the {new_modality.NAME} "
                f"pipeline and --modality {modality}"
            )


def one_line(experiment: Experiment, *, in_pods: bool) -> str:
    """The experiment as JSON, which is YAML, in ASCII and on one line.

    KFP writes a parameter's default into the header comment of the compiled file as it is: at
    any character that breaks a line in YAML the rest would leave the comment.

    Args:
        in_pods: a store or a tracking database on this machine's disk, or a tracking server that
            only this machine reaches, is replaced by the variable that the cluster's ConfigMap
            sets in each pod.

    Raises:
        ExperimentError: the tracking address is not one, or holds a password.
    """
    tracking = experiment.tracking or ""
    host = tracking_host(tracking, where="tracking")
    if "@" in urlsplit(tracking).netloc:
        raise ExperimentError(
            "tracking: a pipeline's parameters are readable by many, so the address must not hold "
            "a user or password: take it out and set MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD where the tasks run"
        )
    data = yaml.safe_load(dump_experiment(experiment))
    if in_pods:
        if not experiment.store.startswith("s3://"):
            data["store"] = "${SDML_STORE}"
        if tracking.startswith("sqlite:") or is_loopback(host):
            data["tracking"] = "${MLFLOW_TRACKING_URI}"
    return json.dumps(data)
