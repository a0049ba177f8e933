"""The experiment file: what a run needs, for laptop and cluster alike."""

from sdml.experiment.cluster import ClusterSettings, ResourceSettings, TolerationSettings
from sdml.experiment.file import dump_experiment, parse_experiment, read_experiment
from sdml.experiment.settings import (
    SPLITS,
    DrclSettings,
    EvaluationSettings,
    Experiment,
    ExtractorSettings,
    KeySettings,
    ModalitySettings,
    SplitName,
    SplitSettings,
    SubspaceSettings,
    SweepSettings,
    TrainingSettings,
    TrainLabelSettings,
)

__all__ = [
    "SPLITS",
    "ClusterSettings",
    "DrclSettings",
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
    "TolerationSettings",
    "TrainLabelSettings",
    "TrainingSettings",
    "dump_experiment",
    "parse_experiment",
    "read_experiment",
]
