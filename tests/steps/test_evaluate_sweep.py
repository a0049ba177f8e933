"""An evaluation of each λ takes the encoders that were trained with it, and no others."""

from __future__ import annotations

import pytest

from sdml.errors import NotFoundError, UserError
from sdml.steps.context import Context
from sdml.steps.evaluate import newest_report
from sdml.steps.evaluate_sweep import evaluate_lambdas
from sdml.steps.prepare import prepare
from sdml.steps.sweep import sweep, sweep_settings
from sdml.steps.train import train
from tests.steps.conftest import MakeContext
from tests.steps.pipeline.conftest import tracker_of

pytestmark = pytest.mark.usefixtures("plain_report")
LAMBDAS = (0.0, 0.5, 0.9)


def swept(context: Context, *modalities: str) -> dict[tuple[str, float], str]:
    """Path of the encoder of each modality and λ."""
    prepare(context)
    found = {}
    for modality in modalities:
        settings = sweep_settings(context, modality, lambdas=LAMBDAS, seeds=2)
        for each in sweep(context, modality, settings).encoders:
            if each.seed == 0:
                found[modality, each.lambda_] = context.catalog.get(each.encoder).path
    return found


def test_each_lambda_has_an_evaluation_of_its_own_encoders(make: MakeContext) -> None:
    context = make()
    encoders = swept(context, "image", "text")
    before = len(tracker_of(context).runs)
    found = evaluate_lambdas(context, (0.5, 0.0))
    assert [each.lambda_ for each in found] == [0.5, 0.0]
    for each in found:
        made_from = context.catalog.get(each.evaluated.report).manifest.made_from
        for modality in ("image", "text"):
            expected = context.catalog.get(encoders[modality, each.lambda_]).manifest
            stored = context.catalog.get(made_from[f"encoder-{modality}"]).manifest
            assert stored.objects == expected.objects  # the newest is a copy of the file's own
            assert stored.settings["lambda"] == each.lambda_
    runs = tracker_of(context).runs[before:]
    assert [run.name for run in runs] == ["evaluate λ=0", "evaluate λ=0.5"]
    assert [run.logged_params["lambda"] for run in runs] == ["0.0", "0.5"]
    assert newest_report(context).report == found[0].evaluated.report  # the file's own


def test_a_modality_that_is_not_in_the_file_takes_part(make: MakeContext) -> None:
    context = make()
    swept(context, "image", "text")
    (found,) = evaluate_lambdas(make("image"), (0.9,))
    made_from = context.catalog.get(found.evaluated.report).manifest.made_from
    assert context.catalog.get(made_from["encoder-text"]).manifest.settings["lambda"] == 0.9


def test_another_method_or_learning_rate_is_not_meant(make: MakeContext) -> None:
    context = make()
    swept(context, "image", "text")
    changed = make(modalities={"image": {"learning_rate": 0.02}})
    with pytest.raises(
        NotFoundError, match=r"no encoder of image .*learning_rate 0\.02.*sdml sweep"
    ):
        evaluate_lambdas(changed, (0.9,))


def test_a_lambda_that_a_modality_lacks_is_refused_before_anything_is_stored(
    make: MakeContext,
) -> None:
    context = make()
    swept(context, "image")
    train(context, "text")
    reports = context.catalog.versions("report")
    with pytest.raises(NotFoundError, match=r"text .*lambda 0\.9.*--modality text --lambda 0\.9"):
        evaluate_lambdas(context, (0.5, 0.9))
    assert context.catalog.versions("report") == reports
    for lambdas in ((), (0.5, 0.5)):
        with pytest.raises(UserError, match="each value once"):
            evaluate_lambdas(context, lambdas)


def test_nothing_trained(make: MakeContext) -> None:
    context = make()
    with pytest.raises(NotFoundError, match="at least two"):
        evaluate_lambdas(context, (0.5,))
