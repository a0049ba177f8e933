"""What a training minimises, one file for each method."""

from sdml.objectives.classifier import classifier_loss
from sdml.objectives.drcl import (
    drcl_loss,
    generalised_cross_entropy,
    mixed,
    true_class_log_probability,
)
from sdml.objectives.mtls import Transfer, mtls_loss
from sdml.objectives.sdml import Losses, reconstruction_loss, sdml_loss, supervised_loss, weighted

__all__ = [
    "Losses",
    "Transfer",
    "classifier_loss",
    "drcl_loss",
    "generalised_cross_entropy",
    "mixed",
    "mtls_loss",
    "reconstruction_loss",
    "sdml_loss",
    "supervised_loss",
    "true_class_log_probability",
    "weighted",
]
