"""All files of one report."""

from __future__ import annotations

from collections.abc import Mapping

from sdml.report.document import History, report_document
from sdml.report.extras import Extras
from sdml.report.figures import figures
from sdml.report.page import report_page
from sdml.retrieval.cross_modal import CrossModalResult


def build_report(
    evaluation: CrossModalResult,
    *,
    title: str,
    details: Mapping[str, str],
    histories: Mapping[str, History] | None = None,
    extras: Extras | None = None,
) -> dict[str, bytes]:
    """File names and contents: ``report.json``, ``report.html`` and the figures as PNG.

    ``details`` says what was evaluated (encoder versions, subspace, software …) and is shown as
    given. ``histories`` gives modalities their epochs (``epoch``, ``train_loss``,
    ``validation_loss``, ``train_supervised``, ``validation_supervised``). ``extras`` are what else
    was found. Per similarity there
    are ``map_<similarity>.png``, ``precision_recall_<similarity>.png`` and
    ``precision_scope_<similarity>.png``; ``losses.png`` where there are histories. Nothing
    depends on time or place: equal input gives equal bytes.
    """
    given = {name: history for name, history in (histories or {}).items() if history}
    more = extras or Extras()
    return {
        "report.json": report_document(
            evaluation, title=title, details=details, histories=given, extras=more
        ),
        "report.html": report_page(
            evaluation, title=title, details=details, histories=given, extras=more
        ),
        **figures(evaluation, given),
    }
