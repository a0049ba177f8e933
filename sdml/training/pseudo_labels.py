"""Pseudo-labels: unlabelled training samples count for the class that the encoder is sure of.

Found at the start of an epoch with the encoder as it is then, and kept for the whole epoch. A
sample of which it is no longer sure in a later epoch is unlabelled again. Only one class is ever
taken, the most likely one.

Letters: N samples, B of them in a block.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from sdml.training.data import Samples
from sdml.training.learner import Learner

Guesses = npt.NDArray[np.int32]
"""A class for each sample, -1 for those that are labelled or unsure."""


@torch.no_grad()
def guessed(learner: Learner, training: Samples, threshold: float) -> Guesses:
    """The classes (N,) of unlabelled samples whose posterior is at least ``threshold``."""
    found = []
    for features_BD, targets_BC in training.blocks(guesses=False):
        guesses_B = torch.full((len(features_BD),), -1, device=features_BD.device)
        rows_B = (~targets_BC.any(1)).nonzero()[:, 0]
        if len(rows_B):
            likely_B, classes_B = learner.posterior(features_BD[rows_B]).max(1)
            guesses_B[rows_B] = classes_B.masked_fill(likely_B < threshold, -1)
        found.append(guesses_B.int().cpu())
    made: Guesses = torch.cat(found).numpy()
    return made
