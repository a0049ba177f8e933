"""The peers of the evaluation's figures do the work that sdml does."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.speed.evaluation import evaluated
from benchmarks.speed.reference_evaluation import multi_label, plain_numpy, single_label
from benchmarks.speed.retrieval_inputs import Sizes, made_inputs

CLOSE = 1e-5


@pytest.mark.parametrize("sizes", [Sizes(40, 130, 5), Sizes(40, 130, 12, labels=2)])
def test_peers_agree_with_sdml(sizes: Sizes) -> None:
    inputs = made_inputs(sizes)
    own = evaluated(inputs, compiled=False)
    sides = inputs.query_QK, inputs.gallery_GK, inputs.query_labels, inputs.gallery_labels
    whole, at_depth, recall, scope = plain_numpy(*sides, 50)
    counted = own.counted_Q
    np.testing.assert_allclose(whole[counted], own.ap_Q[counted], atol=CLOSE)
    np.testing.assert_allclose(at_depth[counted], own.ap_at_k_Q[counted], atol=CLOSE)
    np.testing.assert_allclose(recall[counted].mean(0), own.curves.precision_at_recall, atol=CLOSE)
    np.testing.assert_allclose(scope[counted].mean(0), own.curves.precision_at_scope, atol=CLOSE)
    released = multi_label if sizes.labels > 1 else single_label
    np.testing.assert_allclose(released(*sides, (0,))[0], own.ap_Q[counted], atol=CLOSE)
