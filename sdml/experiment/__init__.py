"""The experiment file: what a run needs, for laptop and cluster alike."""

from sdml.experiment.base import SPLITS, SplitName
from sdml.experiment.cluster import ClusterSettings, ResourceSettings, TolerationSettings
from sdml.experiment.evaluation import EvaluationSettings
from sdml.experiment.file import dump_experiment, parse_experiment, read_experiment
from sdml.experiment.methods import SECTIONS, DrclSettings, MtlsSettings
from sdml.experiment.modality import (
    ExtractorSettings,
    KeySettings,
    ModalitySettings,
    SplitSettings,
    TrainLabelSettings,
)
from sdml.experiment.pseudo_labels import PseudoLabelSettings
from sdml.experiment.settings import Experiment, SweepSettings
from sdml.experiment.subspace import SubspaceSettings
from sdml.experiment.training import TrainingSettings

__all__ = [
    "SECTIONS",
    "SPLITS",
    "ClusterSettings",
    "DrclSettings",
    "EvaluationSettings",
    "Experiment",
    "ExtractorSettings",
    "KeySettings",
    "ModalitySettings",
    "MtlsSettings",
    "PseudoLabelSettings",
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
