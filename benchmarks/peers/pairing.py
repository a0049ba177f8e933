"""Rows that belong together, for methods that are defined on pairs (triples, …) of samples.

A collection whose rows are aligned is paired by rows. In any other, samples of one class are
paired at random by a seed: each modality's samples of a class are shuffled, and the shorter lists
are repeated until they are as long as the longest one, so every sample is used. A class that a
modality lacks gives no pairs. The papers do not say how they paired XMedia, which is unpaired.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from benchmarks.peers.views import Labels, are_paired

Rows = dict[str, npt.NDArray[np.intp]]


def pair_rows(labels: Mapping[str, Labels], seed: Sequence[int] | int) -> Rows:
    """Indices into each modality, all of one length; entry i of all of them is one item.

    ``seed`` matters only for collections without aligned rows, which must have single labels.
    """
    if are_paired(labels):
        return {name: np.arange(len(y)) for name, y in labels.items()}
    generator = np.random.default_rng(seed)
    shared = set.intersection(*({int(c) for c in y if c >= 0} for y in labels.values()))
    parts: dict[str, list[npt.NDArray[np.intp]]] = {name: [] for name in labels}
    for number in sorted(shared):
        rows = {name: np.flatnonzero(y == number) for name, y in labels.items()}
        longest = max(map(len, rows.values()))
        for name, own in rows.items():
            parts[name].append(np.resize(generator.permutation(own), longest))
    return {name: np.concatenate(part) for name, part in parts.items()}
