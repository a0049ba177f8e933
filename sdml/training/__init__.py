"""Training one modality, alone: the loop, its checkpoint, the encoder file, the history."""

from sdml.training.checkpoint import CheckpointSlot
from sdml.training.data import TrainingData
from sdml.training.history import EpochRecord
from sdml.training.loop import FitResult, Interrupted, fit

__all__ = ["CheckpointSlot", "EpochRecord", "FitResult", "Interrupted", "TrainingData", "fit"]
