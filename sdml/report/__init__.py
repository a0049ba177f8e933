"""The report of an evaluation: figures for a person, one document for a machine."""

from sdml.report.build import build_report
from sdml.report.document import SCHEMA, History

__all__ = ["SCHEMA", "History", "build_report"]
