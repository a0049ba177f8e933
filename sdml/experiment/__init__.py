"""The experiment file: what a run needs, for laptop and cluster alike."""

from sdml.experiment.file import dump_experiment, parse_experiment, read_experiment
from sdml.experiment.settings import (
    SPLITS,
    EvaluationSettings,
    Experiment,
    ExtractorSettings,
    KeySettings,
    ModalitySettings,
    ResourceSettings,
    SplitName,
    SplitSettings,
    SubspaceSettings,
    SweepSettings,
    TrainingSettings,
)

__all__ = [
    "SPLITS",
    "EvaluationSettings",
    "Experiment",
    "ExtractorSettings",
    "KeySettings",
    "ModalitySettings",
    "ResourceSettings",
    "SplitName",
    "SplitSettings",
    "SubspaceSettings",
    "SweepSettings",
    "TrainingSettings",
    "dump_experiment",
    "parse_experiment",
    "read_experiment",
]
