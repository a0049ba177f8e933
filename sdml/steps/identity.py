"""What decides the result of a training, and the stored result of one that was decided so."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sdml.errors import IntegrityError, NotFoundError
from sdml.experiment import ModalitySettings, TrainingSettings
from sdml.features.stored import PREVIEWS
from sdml.steps.context import origin
from sdml.store import Catalog, Version

logger = logging.getLogger(__name__)

Makes = Literal["encoder", "prior"]
"""What a training makes: the kind of its version in the store."""

BEST_EPOCH = "best_epoch"
"""Stands among an encoder's settings in its manifest, although it is a result."""

SCORE = "score"
"""The same of a prior: the mean probability of the true class, 0 to 1."""

PARTNER = "partner"
"""The role, in an encoder's manifest, of another modality's encoder that it was trained against."""

_WEIGHTS = "encoder.safetensors"


def flat(settings: TrainingSettings) -> dict[str, Any]:
    """Settings as manifests and tracking have them."""
    return settings.decisive()


@dataclass(frozen=True, kw_only=True)
class Partner:
    """Another modality's encoder, and the feature set that it was trained on."""

    encoder: Version
    features: Version


def training_identity(
    settings: TrainingSettings, features: Version, subspace: Version, partner: Partner | None = None
) -> str:
    """One digest of all that decides a training's result: names its checkpoint.

    Args:
        settings: of the training.
        features: that it sees.
        subspace: that they were prepared for.
        partner: whose codes it sees, for method ``mtls``.
    """
    parts: dict[str, Any] = {
        "settings": flat(settings),
        "features": _content(features),
        "subspace": subspace.manifest.id,
    }
    if partner is not None:
        objects = partner.encoder.manifest.objects
        weights = [asdict(record) for record in objects if record.name == _WEIGHTS]
        parts[PARTNER] = [*weights, *_content(partner.features)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _content(features: Version) -> list[dict[str, Any]]:
    """All of a feature set but the previews, which are for people: a training does not see them."""
    return [asdict(record) for record in features.manifest.objects if record.name != PREVIEWS]


def stored_result(
    catalog: Catalog,
    kind: Makes,
    modality: str,
    settings: TrainingSettings,
    identity: str,
) -> Version | None:
    """The newest sound encoder or prior that a training with this identity has made, or None.

    Args:
        catalog: where to look.
        kind: what the training makes.
        modality: whose.
        settings: of the training.
        identity: :func:`training_identity` of the training.
    """
    for version in catalog.newest_first(kind, modality):
        made_with = dict(version.manifest.settings)
        made_with.pop(SCORE, None)
        if not isinstance(made_with.pop(BEST_EPOCH, None), int) or made_with != flat(settings):
            continue
        if _identity_of(catalog, version, settings) != identity:
            continue
        damage = catalog.verify(version)
        if not damage:
            return version
        said = "; ".join(damage)
        logger.warning("the %s of this training cannot be used again: %s", kind, said)
    return None


def score_of(prior: Version) -> float:
    """The score of a stored prior.

    Raises:
        IntegrityError: its manifest does not say.
    """
    score = prior.manifest.settings.get(SCORE)
    if not isinstance(score, float):
        raise IntegrityError(
            f"{prior.uri}/manifest.json: settings.{SCORE} must be a number, but is {score!r}: "
            "restore the version from a backup, or learn the prior again"
        )
    return score


def _identity_of(catalog: Catalog, version: Version, settings: TrainingSettings) -> str | None:
    """Of the training that made an encoder or a prior; None if what it was made from is gone."""
    try:
        features, subspace = (
            catalog.get(origin(version, role)) for role in ("features", "subspace")
        )
        partner = partner_at(catalog, origin(version, PARTNER)) if settings.mtls else None
    except (NotFoundError, IntegrityError):
        return None
    return training_identity(settings, features, subspace, partner)


def partner_at(catalog: Catalog, path_or_uri: str) -> Partner:
    """A stored encoder as a partner.

    Raises:
        NotFoundError, IntegrityError: it or its feature set is gone or damaged.
    """
    encoder = catalog.get(path_or_uri)
    return Partner(encoder=encoder, features=catalog.get(origin(encoder, "features")))


def recorded(settings: ModalitySettings) -> dict[str, Any]:
    """What a feature set's manifest says; ``train_labels`` only where labels were made worse."""
    said = {"keys", "split", "transform", "extractor"}
    if not settings.train_labels.as_they_are:
        said.add("train_labels")
    return settings.model_dump(mode="json", include=said)
