"""What a training minimises, one file for each method."""

from sdml.objectives.classifier import classifier_loss
from sdml.objectives.sdml import Losses, reconstruction_loss, sdml_loss, supervised_loss, weighted

__all__ = [
    "Losses",
    "classifier_loss",
    "reconstruction_loss",
    "sdml_loss",
    "supervised_loss",
    "weighted",
]
