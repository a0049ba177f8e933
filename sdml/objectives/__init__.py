"""What a training minimises, one file for each method."""

from sdml.objectives.sdml import Losses, reconstruction_loss, sdml_loss, supervised_loss

__all__ = ["Losses", "reconstruction_loss", "sdml_loss", "supervised_loss"]
