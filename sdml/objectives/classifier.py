"""A classifier whose outputs are codes: cross-entropy of the posterior that retrieval uses.

The plain rival of a learned common space: train a classifier on each modality alone and compare
what two of them say about the classes. Its logits are here the class scores of a unit code,
z = τPᵀh with one label an item and z = τ(Pᵀh − ½) with several, as the posterior similarity has
them. So softmax(z), or σ(z), *is* the posterior which that similarity multiplies, nothing is
converted or fitted afterwards, and a code is a unit vector like any other, of any subspace with
unit columns.

What the unit length costs: softmax does not see a number added to all logits, nor whatever is
orthogonal to P, so a code can be as unsure as it likes by turning there; but it cannot be surer
than a code at its class allows (.95 to .97 for ten classes and the default τ). With several
labels (τ = 5.9) the probability of one is at most .95, of each of k σ(τ/√k − τ/2), on orthonormal
columns.

Letters: N samples, K code size, C classes.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus


def classifier_loss(
    codes_NK: Tensor,
    projection_KC: Tensor,
    targets_NC: Tensor,
    *,
    temperature: float,
    multi_label: bool = False,
) -> Tensor:
    """Mean over labelled samples of −log softmax(τPᵀh)_y; 0 if none is labelled.

    With ``multi_label`` of −Σ_c log σ(±τ(Pᵀh − ½))_c, + for labels and − for others.

    Args:
        codes_NK: h, of unit length.
        projection_KC: P.
        targets_NC: y, one-hot or multi-hot; a row of zeros is an unlabelled sample.
        temperature: τ.
        multi_label: whether samples may have several labels.
    """
    scores_NC = codes_NK @ projection_KC
    labelled_N = targets_NC.any(1)
    if multi_label:
        logits_NC = temperature * (scores_NC - 0.5)
        losses_NC = softplus((1 - 2 * targets_NC) * logits_NC) * labelled_N[:, None]
    else:
        losses_NC = -targets_NC * torch.log_softmax(temperature * scores_NC, dim=1)
    return losses_NC.sum() / labelled_N.sum().clamp(min=1)
