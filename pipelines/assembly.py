"""Puts the tasks of every pipeline together: the four differ in a few words only.

    begin → prepare → train, in a loop for each lane → gather → evaluate,  and finish, always

Where a modality has shards, prepare is a loop over them and a join. The prior pipeline has fit
prior in place of train, and select prior in place of evaluate.

Cached by Kubeflow, unless the plan says no: prepare, on the digest of everything that it reads,
which begin makes anew in each run; and train and fit prior, on what prepare has pinned. Begin and
finish keep the books, evaluate is what a run is for, and select prior changes what is current in
the store: these always run.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Any

from kfp import dsl
from kfp.dsl import PipelineTask
from kfp.dsl.base_component import BaseComponent

from components.begin.component import begin
from components.evaluate.component import evaluate
from components.finish.component import finish
from components.fit_prior.component import fit_prior
from components.gather.component import gather
from components.join.component import join
from components.prepare.component import prepare
from components.prepare_shard.component import prepare_shard
from components.select_prior.component import select_prior
from components.sweep.component import sweep as sweep_component
from components.train.component import train
from pipelines.lanes import Plan
from pipelines.platform import SMALL, settle
from sdml.experiment import ResourceSettings

_AT_ONCE_HERE = 1  # a task on this machine uses all of its cores


def assemble(
    plan: Plan,
    *,
    name: str,
    description: str,
    new_modality: bool = False,
    sweep: bool = False,
    prior: bool = False,
) -> BaseComponent:
    """One pipeline.

    Args:
        plan: its lanes and the cluster.
        name: what it is called.
        description: one line for the list of pipelines.
        new_modality: the subspace must already be stored, and stays as it is.
        sweep: evaluate once for each λ of the parameter ``weights``; with ``plan.together`` each
            pod trains its modality with all of them.
        prior: learn a prior of each modality and select one, instead of training and evaluating.
    """
    parallelism = plan.cluster.parallelism if plan.cluster else _AT_ONCE_HERE

    def pipeline(*values: Any) -> None:
        given = dict(zip(signature.parameters, values, strict=True))
        place = {key: given[key] for key in ("experiment", "store", "tracking")}
        exit_task = finish(**place)
        _settle(exit_task, "Finish", plan, given)
        with dsl.ExitHandler(exit_task, name="run"):
            what: dict[str, Any] = {"modalities": given["modalities"], "new_modality": new_modality}
            begun = begin(**place, **what, pipeline=name)
            _settle(begun, "Begin", plan, given)
            what["inputs"] = begun.outputs["inputs"]
            if prior:
                what["for_prior"] = True
            if plan.sharded:
                with dsl.ParallelFor(
                    given["shards"], name="shards", parallelism=parallelism
                ) as one:
                    part = prepare_shard(
                        **place, modality=one.modality, shard=one.shard, shards=one.shards
                    )
                    # Begin first: it says what is wrong before many pods do.
                    part.after(begun)
                    _settle(part, "Shard", plan, given, resources=_common(plan))
                prepared = join(**place, **what, parts=dsl.Collected(part.outputs["part"]))
                _settle(prepared, "Join", plan, given, cached=True, resources=_common(plan))
            else:
                prepared = prepare(**place, **what)
                _settle(prepared, "Prepare", plan, given, cached=True, resources=_common(plan))
            pins = prepared.outputs["prepared"]
            earlier: dict[str, Any] = {}
            for loop, lane in zip(plan.loops, plan.lanes, strict=True):
                with dsl.ParallelFor(given[loop], name=loop, parallelism=parallelism) as one:
                    if prior:
                        trained = fit_prior(
                            **place,
                            modality=one.modality,
                            reuse=given["reuse"],
                            prepared=pins,
                        )
                    elif sweep and plan.together:
                        trained = sweep_component(
                            **place,
                            modality=one.modality,
                            weights=given["weights"],
                            reuse=given["reuse"],
                            prepared=pins,
                        )
                    else:
                        trained = train(
                            **place,
                            modality=one.modality,
                            weight=one.weight,
                            reuse=given["reuse"],
                            processes=max(1, lane.resources.count),
                            prepared=pins,
                        )
                    title = "FitPrior" if prior else "Train"
                    _settle(trained, title, plan, given, cached=True, resources=lane.resources)
                made = dsl.Collected(trained.outputs["prior" if prior else "encoder"])
                gathered = gather(encoders=made, **earlier)
                _settle(gathered, "Gather", plan, given)
                earlier = {"before": gathered.outputs["gathered"]}
            inputs = {
                **place,
                "prepared": pins,
                "gathered": earlier["before"],
            }
            if prior:
                selected = select_prior(**place, gathered=earlier["before"])
                _settle(selected, "SelectPrior", plan, given)
            elif sweep:
                # All modalities are trained here, so there are no others. (A task's output would
                # become the loop's item in the local runner.)
                with dsl.ParallelFor(
                    given["weights"], name="weights", parallelism=parallelism
                ) as weight:
                    evaluated = evaluate(**inputs, encoders={}, weight=weight)
                    _settle(evaluated, "Evaluate", plan, given, resources=_common(plan))
            else:
                evaluated = evaluate(**inputs, encoders=begun.outputs["encoders"])
                _settle(evaluated, "Evaluate", plan, given, resources=_common(plan))

    # KFP reads a pipeline's parameters from here.
    signature = _parameters(plan, sweep=sweep)
    pipeline.__signature__ = signature  # type: ignore[attr-defined]
    made: Callable[[Callable[..., None]], BaseComponent] = dsl.pipeline(
        name=f"sdml-{name}", description=description
    )
    return made(pipeline)


def _parameters(plan: Plan, *, sweep: bool) -> Signature:
    """The pipeline's parameters: what a person can change in the Kubeflow UI."""
    required: dict[str, type] = {"experiment": str, "modalities": list}
    if plan.sharded:
        required["shards"] = list
    required |= dict.fromkeys(plan.loops, list)
    if sweep:
        required["weights"] = list
    optional: dict[str, Any] = {"reuse": True, "store": "", "tracking": ""}
    if plan.cluster:
        optional["image"] = plan.cluster.image
        if any(lane.resources.accelerator for lane in plan.lanes):
            optional["gpu_image"] = plan.cluster.gpu_image
    kind = Parameter.POSITIONAL_OR_KEYWORD
    return Signature(
        [Parameter(name, kind, annotation=type_) for name, type_ in required.items()]
        + [
            Parameter(name, kind, annotation=type(value), default=value)
            for name, value in optional.items()
        ],
        return_annotation=None,
    )


def _common(plan: Plan) -> ResourceSettings:
    return plan.cluster.resources if plan.cluster else SMALL


def _settle(
    task: PipelineTask,
    title: str,
    plan: Plan,
    given: dict[str, Any],
    *,
    cached: bool = False,
    resources: ResourceSettings = SMALL,
) -> None:
    """A task's title, its place in the cache, its image and what it asks the cluster for."""
    task.set_display_name(title).set_caching_options(cached and plan.cache)
    if plan.cluster:
        own_or_given = resources.image or given["gpu_image" if resources.accelerator else "image"]
        task.set_container_image(own_or_given)
        settle(task, plan.cluster, resources, step=title.lower())
