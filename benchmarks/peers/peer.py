"""What a compared method is, and the codes that a trained one makes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import ClassVar, Literal, Self

from benchmarks.peers.views import Facts, FloatArray, Views
from sdml.errors import UserError

Ranking = Literal["cosine", "posterior", "inner"]
Map = Callable[[FloatArray], FloatArray]
Point = Mapping[str, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """One training at one point of the grid.

    Attributes:
        train: the training split.
        classes: C.
        seed: of everything drawn.
        point: hyper-parameters by name.
    """

    train: Views
    classes: int
    seed: int
    point: Point

    @property
    def widths(self) -> dict[str, int]:
        """D of each modality."""
        return {name: x.shape[1] for name, x in self.train.features.items()}


class RefusedError(UserError):
    """The method is not defined for this collection; the message says why."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Projector:
    """A trained method.

    Attributes:
        maps: from features (N, D) to codes (N, K), by modality.
        chosen: the hyper-parameters that validation has selected.
        projection_KC: for the ranking by ``posterior`` only.
    """

    maps: Mapping[str, Map]
    chosen: Mapping[str, object] = field(default_factory=dict)
    projection_KC: FloatArray | None = None

    def embed(self, modality: str, features_ND: FloatArray) -> FloatArray:
        """Codes (N, K) of one modality's samples."""
        return self.maps[modality](features_ND)


class Peer(ABC):
    """One method with its settings.

    Attributes:
        name: short and unique.
        version: raised whenever a change may move a figure.
        paper: where it comes from.
        needs_pairs: trained on rows that belong together.
        joint: the modalities are trained together; false if each is trained alone.
        two_views: defined for two modalities; of more, each pair gets a training of its own.
        multi_label: samples may have several classes.
        takes_unlabelled: samples without a label are handed over too.
        draws: training draws at random even where rows are aligned.
        rankings: how codes are ranked, each a line of the table.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    paper: ClassVar[str]
    needs_pairs: ClassVar[bool] = False
    joint: ClassVar[bool] = True
    two_views: ClassVar[bool] = False
    multi_label: ClassVar[bool] = False
    takes_unlabelled: ClassVar[bool] = False
    draws: ClassVar[bool] = False
    rankings: ClassVar[tuple[Ranking, ...]] = ("cosine",)

    @abstractmethod
    def quick(self) -> Self:
        """The same method with one point of its grid, few epochs and narrow networks."""

    @abstractmethod
    def _fit(self, train: Views, validation: Views, classes: int, seed: int) -> Projector:
        """Train; the collection has passed :meth:`refusal`."""

    def fit(self, train: Views, validation: Views, classes: int, *, seed: int) -> Projector:
        """Train on ``train``, select by ``validation`` alone.

        Args:
            train: labels as in :class:`Views`.
            validation: of the same modalities.
            classes: C.
            seed: of everything that is drawn.

        Raises:
            RefusedError: the method is not defined for such a collection.
        """
        reason = self.refusal(Facts.of(train))
        if reason is not None:
            raise RefusedError(f"{self.name} {reason}")
        if not self.takes_unlabelled:
            train = train.labelled()
        return self._fit(train, validation, classes, seed)

    def refusal(self, facts: Facts) -> str | None:
        """Why the method cannot be trained on such views in one training, or None."""
        if facts.modalities < 2:
            return "compares modalities and needs at least two: name more in the experiment file"
        if self.two_views and facts.modalities > 2:
            return (
                f"is defined for two modalities and received {facts.modalities}: "
                "train it on each pair of them"
            )
        if facts.multi_label and not self.multi_label:
            return (
                "is defined for one class a sample, and samples of this collection have several: "
                "choose a method for multi-label collections"
            )
        if self.needs_pairs and facts.multi_label and not facts.paired:
            return (
                "needs rows that belong together, and pairing by class is not defined for samples "
                "of several classes: align the rows of the modalities"
            )
        return None

    def trainings(self, modalities: tuple[str, ...]) -> list[tuple[str, ...]]:
        """The modalities of each training that a collection needs."""
        if self.two_views:
            return [tuple(pair) for pair in combinations(modalities, 2)]
        return [modalities]

    def has_seed(self, facts: Facts) -> bool:
        """Whether two seeds can give two results."""
        return self.draws or (self.needs_pairs and not facts.paired)

    def pairing(self, facts: Facts) -> str:
        """The pairing rule, for the table."""
        if not self.needs_pairs:
            return "none needed"
        return "by rows" if facts.paired else "by class, drawn from the seed"


def chain(first: Map, second: Map) -> Map:
    """The second map of what the first one gives."""

    def both(features_ND: FloatArray) -> FloatArray:
        return second(first(features_ND))

    return both
