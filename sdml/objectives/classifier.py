"""A classifier whose outputs are codes: cross-entropy of the posterior that retrieval uses.

The plain rival of a learned common space: train a classifier on each modality alone and compare
what two of them say about the classes. Its logits are here the class scores of a unit code,
z = τPᵀh, with the τ that the posterior similarity has. So softmax(z) *is* the posterior which
that similarity multiplies, nothing is converted or fitted afterwards, and a code is a unit vector
like any other, of any subspace with unit columns.

What the unit length costs: softmax does not see a number added to all logits, nor whatever is
orthogonal to P, so a code can be as unsure as it likes by turning there; but it cannot be surer
than a code at its class allows (.95 to .97 for ten classes and the default τ).

Of several labels each has the same share 1/k of the target. A sigmoid for each class would answer
another question than the product of two posteriors asks: how likely one class drawn from each
side is the same.

Letters: N samples, K code size, C classes.
"""

from __future__ import annotations

import torch
from torch import Tensor


def classifier_loss(
    codes_NK: Tensor, projection_KC: Tensor, targets_NC: Tensor, *, temperature: float
) -> Tensor:
    """Mean over labelled samples of −Σ_c (y_c/k)·log softmax(τPᵀh)_c; 0 if none is labelled.

    Args:
        codes_NK: h, of unit length.
        projection_KC: P.
        targets_NC: y, multi-hot with k ones; a row of zeros is an unlabelled sample.
        temperature: τ.
    """
    log_posterior_NC = torch.log_softmax(temperature * (codes_NK @ projection_KC), dim=1)
    counts_N = targets_NC.sum(1)
    shares_NC = targets_NC / counts_N.clamp(min=1)[:, None]
    return -(shares_NC * log_posterior_NC).sum() / (counts_N > 0).sum().clamp(min=1)
