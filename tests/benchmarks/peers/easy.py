"""Small collections whose classes are easy to tell apart, and methods small enough for tests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.peers.catalogue import all_peers
from benchmarks.peers.deep import DeepPeer
from benchmarks.peers.drcl_peer import DRCL
from benchmarks.peers.peer import Peer
from benchmarks.peers.views import Views
from sdml.experiment import Experiment, parse_experiment

CLASSES = 3
WIDTHS = {"image": 12, "text": 8, "audio": 6}

EXPERIMENT = """
collection: easy
subspace: {dimension: 16}
training: {epochs: 6, batch_size: 20, learning_rate: 0.003, hidden: [24], threads: 1}
modalities:
  image: {source: image.npz}
  text: {source: text.npz}
  audio: {source: audio.npz}
"""


def experiment() -> Experiment:
    return parse_experiment(EXPERIMENT)


def small_peers() -> dict[str, Peer]:
    """Every method with its default point and small networks."""
    return {name: small(peer) for name, peer in all_peers(experiment()).items()}


def small(peer: Peer) -> Peer:
    if isinstance(peer, DRCL):
        return replace(peer.quick(), learning_rates=(3e-3,))
    if not isinstance(peer, DeepPeer):
        return peer.quick()
    code = min(peer.code, 16)
    return replace(
        peer,
        grid=tuple({**point, "learning_rate": 3e-3} for point in peer.grid[:1]),
        hidden=(24,) * len(peer.hidden),
        code=code,
        epochs=6,
        batch_size=min(peer.batch_size, 40),
    )


def easy_views(
    *,
    modalities: int = 2,
    paired: bool = True,
    multi_label: bool = False,
    samples: int = 90,
    seed: int = 0,
    centres: int = 7,
) -> Views:
    """Class centres plus noise; paired modalities also share a part of the noise.

    ``seed`` draws the samples, ``centres`` the classes, which splits must have in common.
    """
    fixed, generator = np.random.default_rng(centres), np.random.default_rng(seed)
    features, labels = {}, {}
    common = generator.permutation(np.arange(samples) % CLASSES)
    hidden = generator.standard_normal((samples, 2))
    for number, (name, width) in enumerate(list(WIDTHS.items())[:modalities]):
        middles = fixed.standard_normal((CLASSES, width)) * 2
        mixing = fixed.standard_normal((2, width)) * 0.3
        if paired:
            y, shared = common, hidden
        else:
            count = samples - 15 * number
            y = generator.permutation(np.arange(count) % CLASSES)
            shared = generator.standard_normal((count, 2))
        targets = np.eye(CLASSES, dtype=np.uint8)[y]
        if multi_label:
            extra = (np.arange(len(y)) % 4 == 0) & (y > 0)
            targets[extra, 0] = 1
        x = targets @ middles + shared @ mixing + generator.standard_normal((len(y), width)) * 0.5
        features[name] = x.astype(np.float32)
        labels[name] = targets if multi_label else y.astype(np.int32)
    return Views(features=features, labels=labels)
