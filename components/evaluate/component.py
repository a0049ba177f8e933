"""Evaluate as a Kubeflow task: mAP of all pairs; metrics and report show in the KFP UI."""

from typing import Optional

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def evaluate(
    experiment: str,
    prepared: dsl.Input[dsl.Dataset],
    gathered: dsl.Input[dsl.Artifact],
    encoders: dict,
    metrics: dsl.Output[dsl.Metrics],
    report: dsl.Output[dsl.HTML],
    weight: Optional[float] = None,  # noqa: UP045  (KFP reads this form of the annotation)
    store: str = "",
    tracking: str = "",
) -> None:
    """Evaluate the encoders of this run, with the stored ones of other modalities.

    Args:
        experiment: content of the experiment file, or its s3:// address.
        prepared: what the prepare task has pinned.
        gathered: records of the encoders trained in this run.
        encoders: URIs of other modalities' encoders.
        metrics: mAP of each pair and the mean.
        report: the self-contained HTML report.
        weight: only encoders trained with this λ; all of them by default.
        store: in place of the file's store.
        tracking: in place of the file's tracking address.
    """
    from sdml.steps.pipeline import Pins, evaluate_pinned, pipeline_task, read_records

    with pipeline_task(experiment, name="evaluate", store=store, tracking=tracking) as task:
        evaluated = evaluate_pinned(
            task,
            Pins.read(prepared.path),
            read_records(gathered.path),
            encoders,
            lambda_=weight,
        )
        for name, value in evaluated.metrics().items():
            metrics.log_metric(name, value)
        evaluated.write_html(task.context, report.path)
        report.metadata["report"] = evaluated.report
