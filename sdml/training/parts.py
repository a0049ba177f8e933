"""An encoder of two parts: a network that is trained, and a ridge regression in closed form.

SDML trains one network. Where samples are few it falls behind a linear model that is regularised
as it should be; where they are many, or other than the training samples in kind, it is ahead. The
mean of both is at least near the better one, and often above it, as of any two models that err
differently. So with ``ridge_share`` s > 0 the code is

    h ∝ s·r(x)/‖r‖ + (1 − s)·t(x)/‖t‖

with r the regression (:mod:`.ridge`), t the trained network before its normalisation, and ‖·‖ the
root mean square of their lengths over training samples. Each has half of every hidden layer, so
the encoder is the same network in the same file as without.

Letters: N samples, D features, K code size, C classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sdml.errors import TrainingError
from sdml.experiment import TrainingSettings
from sdml.networks import Encoder
from sdml.retrieval.similarity import projection_temperature
from sdml.tensorfile import pack, unpack
from sdml.training.data import Samples
from sdml.training.optimised import Arrays, copied
from sdml.training.ridge import regressed
from sdml.training.threads import thread_count

MOST_SAMPLES = 2000
"""Of a regression; the cost grows with their cube."""

First = Callable[[Callable[[], bytes]], bytes | None]

_Floats = npt.NDArray[np.float32]


class Regressions:
    """The regressions of a training: one for each seed, made when it is asked for."""

    def __init__(self, training: Samples, projection_KC: _Floats) -> None:
        """Over labelled samples of the split ``training``, for the subspace P."""
        self.projection_KC = projection_KC
        self._training = training
        self._made: dict[int, tuple[Arrays, float, Tensor]] = {}

    def of(self, settings: TrainingSettings) -> tuple[Arrays, float, Tensor]:
        """Parameters by name, in half of ``hidden``; the length of the outputs; the samples.

        For trainings that differ in nothing but what they may at once: λ, seed, learning rate.
        """
        seed = settings.seed
        if seed not in self._made:
            features_ND, targets_NC = self._training.some(MOST_SAMPLES, seed=seed)
            regression, _ = regressed(
                features_ND,
                targets_NC,
                self.projection_KC,
                [width // 2 for width in settings.hidden],
                temperature=projection_temperature(
                    self.projection_KC, multi_label=self._training.multi_label
                ),
                multi_label=self._training.multi_label,
                seed=seed,
            )
            rows_ND = torch.from_numpy(features_ND)
            self._made[seed] = copied(regression), _length(regression, rows_ND), rows_ND
        return self._made[seed]


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What each part is.

    Attributes:
        whole: the settings of the encoder.
        trained: those of its trained part, which is narrower.
    """

    whole: TrainingSettings
    trained: TrainingSettings

    @classmethod
    def of(cls, settings: TrainingSettings, training: Samples, classes: int) -> Parts:
        """All of it is trained without a share for the regression, or where there can be none.

        That is at λ = 1, where labels do not count; without labels of two classes; and where half
        of a hidden layer has fewer than 2C units.
        """
        narrow = any(width // 2 < 2 * classes for width in settings.hidden)
        none = settings.ridge_share == 0 or settings.lambda_ == 1 or narrow
        if none or training.labelled_classes() < 2:
            return cls(whole=settings, trained=settings)
        hidden = tuple(width - width // 2 for width in settings.hidden)
        return cls(whole=settings, trained=settings.model_copy(update={"hidden": hidden}))

    def joined(
        self,
        trained: Arrays,
        regressions: Regressions,
        first: First = lambda make: make(),
    ) -> Arrays:
        """The encoder's parameters by name.

        Args:
            trained: those of the trained part.
            regressions: what the other part is taken from.
            first: hands everybody what a function returns on the first of several processes.

        Raises:
            TrainingError: the features are too small for float32 weights.
        """
        if self.trained is self.whole:
            return trained
        made = first(lambda: pack(self._joined(trained, regressions), {}))
        joined, _ = unpack(made or b"", "the parts of an encoder")
        if not all(np.isfinite(values).all() for values in joined.values()):
            raise TrainingError(
                "an encoder must have finite weights, but the features are so small that theirs "
                "are infinite in float32: scale them, for instance with transform: standardize"
            )
        return joined

    @thread_count(1)  # so that the bits are those of any number of threads
    def _joined(self, trained: Arrays, regressions: Regressions) -> Arrays:
        regression, length, rows_ND = regressions.of(self.whole)
        network = Encoder(
            rows_ND.shape[1],
            self.trained.hidden,
            len(regressions.projection_KC),
            normalize=False,
            generator=torch.Generator(),
        )
        network.load_state_dict({name: torch.from_numpy(a) for name, a in trained.items()})
        share = self.whole.ridge_share
        return _beside(
            (regression, share / length), (trained, (1 - share) / _length(network, rows_ND))
        )


@torch.no_grad()
def _length(encoder: Encoder, rows_ND: Tensor) -> float:
    """Root mean square of its outputs' lengths over the rows; 1 if all are zero."""
    length = float(encoder(rows_ND).double().square().sum(1).mean().sqrt())
    return length or 1.0


def _beside(one: tuple[Arrays, float], other: tuple[Arrays, float]) -> Arrays:
    """Two networks side by side in each hidden layer; their outputs, times a factor each, added."""
    (first, by), (second, other_by) = one, other
    made: Arrays = {}
    depth = sum(name.startswith("hidden.") for name in first) // 2
    for number in range(depth):
        weight, bias = f"hidden.{number}.weight", f"hidden.{number}.bias"
        upper, lower = first[weight], second[weight]
        if number:
            upper = np.pad(upper, ((0, 0), (0, second[weight].shape[1])))
            lower = np.pad(lower, ((0, 0), (first[weight].shape[1], 0)))
        made[weight] = np.concatenate([upper, lower])
        made[bias] = np.concatenate([first[bias], second[bias]])
    left, right = by * first["output.weight"], other_by * second["output.weight"]
    made["output.weight"] = np.concatenate([left, right], axis=1) if depth else left + right
    made["output.bias"] = by * first["output.bias"] + other_by * second["output.bias"]
    return {name: array.astype(np.float32) for name, array in made.items()}
