"""The settings that are compared, by name; ``classifiers`` is the peer and has none.

Each is what stands under ``subspace`` and ``training`` in an experiment file. Of the groups,
``presets`` is the two presets beside the peer, ``steps`` the way from one to the other, ``kinds``
subspace kinds by methods.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

PEER = "classifiers"
_REFERENCE: dict[str, Any] = {"preset": "sdml-reference"}
_SMALL: dict[str, Any] = {"least_batches": 2}  # a split may be smaller than one batch of 100


@dataclass(frozen=True, kw_only=True)
class Variant:
    """Settings under ``subspace`` and ``training``."""

    subspace: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)

    def shorter(self, epochs: int) -> Variant:
        """The same with so many epochs, unless it names its own."""
        return replace(self, training={"epochs": epochs, **self.training})


_STEPS: dict[str, dict[str, Any]] = {
    "no ridge": {"ridge_share": 0.0},
    "no ridge, weight decay": {"ridge_share": 0.0, "weight_decay": 1e-3},
    "no ridge, narrow": {"ridge_share": 0.0, "hidden": [128, 128]},
    "no ridge, no lambda": {"ridge_share": 0.0, "lambda": 0.0},
    **{f"ridge {share}": {"ridge_share": share} for share in (0.25, 0.5, 0.75, 0.999)},
}
_METHODS: dict[str, dict[str, Any]] = {
    "sdml": {},
    "sdml-reference": _REFERENCE,
    "classifier": {"method": "classifier", **_SMALL},
    "drcl": {"method": "drcl", "hidden": [1024, 1024], "learning_rate": 1e-4},
}
_KINDS = ("random", "identity", "simplex")

GROUPS: dict[str, dict[str, Variant | None]] = {
    "presets": {
        PEER: None,
        "sdml-reference": Variant(training={**_REFERENCE, **_SMALL}),
        "sdml": Variant(),
    },
    "steps": {name: Variant(training={**_SMALL, **training}) for name, training in _STEPS.items()},
    "kinds": {
        f"{method}, {kind}": Variant(
            subspace={"kind": kind},
            training=training if method == "drcl" else {**_SMALL, **training},
        )
        for method, training in _METHODS.items()
        for kind in _KINDS
    },
}
