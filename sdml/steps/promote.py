"""Promote: the alias ``champion`` of a modality's model moves to the version of one encoder."""

from __future__ import annotations

from sdml.errors import UserError
from sdml.steps.context import Context
from sdml.steps.encoders import newest_encoder
from sdml.tracking import Promotion, Registry, model_name, open_registry


def promote(
    context: Context,
    modality: str,
    *,
    encoder: str | None = None,
    number: int | None = None,
    registry: Registry | None = None,
) -> Promotion:
    """Name the version of a modality's model that others load.

    Args:
        modality: whose.
        encoder: URI or path of the encoder; or
        number: of the version. Without either, the newest encoder of the current subspace.
        registry: where; by default that of the experiment file's tracking.

    Raises:
        UserError: both are given, or the file says ``tracking: null``.
        NotFoundError: no such encoder, or it is not registered.
        TrackingError: the server is down, refuses, or keeps no registry.
    """
    if encoder is not None and number is not None:
        raise UserError("name the encoder or the version to promote, not both")
    if encoder is not None:
        version = context.catalog.get(encoder)
        kind = (version.manifest.kind, version.manifest.modality)
        if kind != ("encoder", modality):
            raise UserError(f"--encoder must name an encoder of {modality}, not {version.path}")
        encoder = version.uri
    elif number is None:
        encoder = newest_encoder(context, modality).uri
    opened = registry or open_registry(context.experiment.tracking)
    name = model_name(context.experiment.collection, modality)
    return opened.promote(name, encoder=encoder, number=number)
