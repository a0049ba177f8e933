"""Training one modality, alone: the loop, its checkpoint, the encoder file, the history."""

from sdml.errors import Interrupted
from sdml.training.checkpoint import CheckpointSlot
from sdml.training.data import TrainingData
from sdml.training.history import EpochRecord
from sdml.training.loop import FitResult, fit
from sdml.training.parallel import ALONE, Place, Ranks, joined

__all__ = [
    "ALONE",
    "CheckpointSlot",
    "EpochRecord",
    "FitResult",
    "Interrupted",
    "Place",
    "Ranks",
    "TrainingData",
    "fit",
    "joined",
]
