"""The report of an evaluation: figures for a person, one document for a machine."""

from sdml.report.build import build_report
from sdml.report.comparison import Figure, Row, comparison_page
from sdml.report.document import SCHEMA, History
from sdml.report.extras import Clustering, Example, Extras, Hit, Item

__all__ = [
    "SCHEMA",
    "Clustering",
    "Example",
    "Extras",
    "Figure",
    "History",
    "Hit",
    "Item",
    "Row",
    "build_report",
    "comparison_page",
]
