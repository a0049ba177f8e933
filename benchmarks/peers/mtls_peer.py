"""MTLS in our reading, through the product's own training: against the codes of a partner.

After Dong, Jian and Lu, Learning multimodal representations by symmetrically transferring local
structures, Symmetry 12(9), 2020, whose formulas are not known to us (docs/methods.md says what is
read into them); its figures say nothing about theirs. Of each two modalities the first is trained
as the default preset, the second against its codes, row by row. Networks, epochs and seeds are
those of the experiment, the batches and weights the product's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from benchmarks.peers.peer import Projector, Ranking
from benchmarks.peers.sdml_peer import SDML, trained, training_data
from benchmarks.peers.views import Facts, Views
from sdml.experiment import TrainingSettings


@dataclass(frozen=True, kw_only=True)
class MTLS(SDML):
    """The second of two modalities against the codes of the first."""

    name: ClassVar[str] = "mtls"
    paper: ClassVar[str] = "after Dong et al., Symmetry 2020"
    needs_pairs: ClassVar[bool] = True
    two_views: ClassVar[bool] = True
    takes_unlabelled: ClassVar[bool] = False
    rankings: ClassVar[tuple[Ranking, ...]] = ("cosine",)

    def refusal(self, facts: Facts) -> str | None:
        """Rows that belong together are all that it learns from."""
        reason = super().refusal(facts)
        if reason is None and not facts.paired:
            return (
                "learns from rows that belong together, and those of this collection do not: align "
                "the rows of the modalities"
            )
        return reason

    def _fit(self, train: Views, validation: Views, classes: int, seed: int) -> Projector:
        partner, name = train.modalities
        first = super()._fit(train.only([partner]), validation.only([partner]), classes, seed)
        assert first.projection_KC is not None
        own = self.training[name].model_dump(include={"epochs", "hidden", "learning_rate"})
        settings = TrainingSettings.model_validate(
            {"method": "mtls", "mtls": {"partner": partner}, "seed": seed, **own}
        )
        data = replace(
            training_data(train, validation, name),
            partner_NK=first.embed(partner, train.features[partner]),
            validation_partner_NK=first.embed(partner, validation.features[partner]),
        )
        second, epoch = trained(data, first.projection_KC, settings)
        return Projector(
            maps={**first.maps, name: second},
            chosen={**first.chosen, f"epoch/{name}": epoch},
        )
