"""An encoder that is stored once more is the newest, and still the same one."""

from __future__ import annotations

import pytest

from sdml.steps.compare import compare
from sdml.steps.encoders import newest_encoder
from sdml.steps.evaluate import evaluate
from sdml.steps.own_encoder import as_newest
from sdml.steps.prepare import prepare
from sdml.steps.train import train
from tests.steps.conftest import MakeContext

pytestmark = pytest.mark.usefixtures("plain_report")


def test_a_copy_is_made_only_where_another_one_is_newer(make: MakeContext) -> None:
    context = make()
    prepare(context)
    first = context.catalog.get(train(context, "image").encoder)
    assert as_newest(context, first) == first
    train(context, "image", lambda_=0.9)
    copy = as_newest(context, first)
    assert newest_encoder(context, "image").path == copy.path != first.path
    assert copy.manifest.objects == first.manifest.objects
    assert as_newest(context, first) == copy


def test_an_evaluation_of_the_copy_is_no_other_seed(make: MakeContext) -> None:
    context = make()
    prepare(context)
    for modality in ("image", "text"):
        train(context, modality)
    before = evaluate(context)
    original = newest_encoder(context, "image")
    train(context, "image", lambda_=0.9)
    as_newest(context, original)
    after = evaluate(context)
    assert after.mean_map == before.mean_map
    assert after.report != before.report
    rows = compare(context, []).rows
    assert {row.reports for row in rows} == {(after.report,)}
