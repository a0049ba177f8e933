from __future__ import annotations

import pytest

from sdml.report.document import History
from sdml.report.lines import best_epoch, loss_panels, recall_panels, scope_panels
from sdml.retrieval.cross_modal import CrossModalResult


def test_a_gallery_keeps_its_colour_in_every_panel(evaluation: CrossModalResult) -> None:
    for panels in (recall_panels(evaluation, "cosine"), scope_panels(evaluation, "posterior")):
        assert [panel.title for panel in panels] == [
            "image as query",
            "text as query",
            "audio as query",
        ]
        for panel in panels:
            for line in panel.lines:
                assert line.label == evaluation.modalities[line.color]
                assert panel.title != f"{line.label} as query"


def test_lines_are_the_curves_of_the_direction(evaluation: CrossModalResult) -> None:
    curves = evaluation.pair("image", "audio", "posterior").curves
    line = scope_panels(evaluation, "posterior")[0].lines[1]
    assert (line.label, line.x, line.y) == ("audio", curves.scopes, curves.precision_at_scope)


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([], None),
        ([{"epoch": 1.0}], None),
        ([{"epoch": 1.0, "validation_supervised": float("nan")}], None),
        (
            [
                {"epoch": float(epoch), "validation_supervised": value}
                for epoch, value in ((1, 0.5), (2, 0.3), (3, 0.3))
            ],
            2.0,
        ),
    ],
)
def test_the_best_epoch_is_the_first_with_the_lowest_value(
    history: History, expected: float | None
) -> None:
    assert best_epoch(history) == expected


def test_a_history_without_losses_draws_nothing() -> None:
    assert loss_panels("image", [{"epoch": 1.0, "learning_rate": 0.1}]) == []
