"""What decides the result of a training, and the stored encoder of one that was decided so."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict
from typing import Any

from sdml.errors import IntegrityError, NotFoundError
from sdml.experiment import TrainingSettings
from sdml.features.stored import PREVIEWS
from sdml.steps.context import origin
from sdml.store import Catalog, Version

logger = logging.getLogger(__name__)

BEST_EPOCH = "best_epoch"
"""Stands among an encoder's settings in its manifest, although it is a result."""


def flat(settings: TrainingSettings) -> dict[str, Any]:
    """Settings as manifests and tracking have them."""
    return settings.decisive()


def training_identity(settings: TrainingSettings, features: Version, subspace: Version) -> str:
    """One digest of all that decides a training's result: names its checkpoint."""
    parts = {
        "settings": flat(settings),
        # previews are for people: a training does not see them
        "features": [
            asdict(record) for record in features.manifest.objects if record.name != PREVIEWS
        ],
        "subspace": subspace.manifest.id,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def stored_encoder(
    catalog: Catalog, modality: str, settings: TrainingSettings, identity: str
) -> Version | None:
    """The newest sound encoder that a training with this identity has made, or None.

    Args:
        catalog: where to look.
        modality: whose.
        settings: of the training.
        identity: :func:`training_identity` of the training.
    """
    for version in catalog.newest_first("encoder", modality):
        made_with = dict(version.manifest.settings)
        if not isinstance(made_with.pop(BEST_EPOCH, None), int) or made_with != flat(settings):
            continue
        if _identity_of(catalog, version, settings) != identity:
            continue
        damage = catalog.verify(version)
        if not damage:
            return version
        logger.warning("an encoder of this training cannot be used again: %s", "; ".join(damage))
    return None


def _identity_of(catalog: Catalog, version: Version, settings: TrainingSettings) -> str | None:
    """Of the training that made an encoder; None if what it was made from is gone."""
    try:
        features, subspace = (
            catalog.get(origin(version, role)) for role in ("features", "subspace")
        )
    except (NotFoundError, IntegrityError):
        return None
    return training_identity(settings, features, subspace)
