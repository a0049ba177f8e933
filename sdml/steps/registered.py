"""A trained encoder in the registry of models: what its version holds and says."""

from __future__ import annotations

import json
import logging

from sdml.errors import SDMLError
from sdml.steps.context import Context, origin
from sdml.store import ObjectRecord, Version
from sdml.tracking import Run, model_name

logger = logging.getLogger(__name__)

COPIED_BYTES = 64 * 2**20
"""Weights up to this size are copied into the registry; of larger ones it holds the address."""

_WEIGHTS = "encoder.safetensors"


def register(run: Run, context: Context, version: Version) -> None:
    """Register an encoder, as made or used by this run. A failure is said, and is no error."""
    try:
        _register(run, context, version)
    except SDMLError as error:
        logger.warning("the encoder %s is not registered: %s", version.uri, error)


def _register(run: Run, context: Context, version: Version) -> None:
    manifest = version.manifest
    assert manifest.modality is not None
    weights = next(record for record in manifest.objects if record.name == _WEIGHTS)
    subspace = context.catalog.get(origin(version, "subspace")).manifest.id
    settings = manifest.settings
    run.model(
        model_name(manifest.collection, manifest.modality),
        lambda: _files(context, version, weights),
        tags={
            "encoder": version.uri,
            "subspace": subspace,
            "sha256": weights.sha256,
            "lambda": str(settings.get("lambda", "")),
            "method": str(settings.get("method", "")),
            "seed": str(manifest.seed),
        },
        description=(
            f"The encoder of {manifest.modality} that the store has at `{version.uri}`, for the "
            f"subspace `{subspace}`. `predict` takes vectors as they stand in the source and "
            "returns codes."
        ),
    )


def _files(context: Context, version: Version, weights: ObjectRecord) -> dict[str, bytes]:
    source = {"uri": f"{version.uri}/{_WEIGHTS}", "sha256": weights.sha256}
    names = [r.name for r in version.manifest.objects if r.name.startswith("transform.")]
    if weights.bytes <= COPIED_BYTES:
        names.append(_WEIGHTS)
    files = {name: context.catalog.read(version, name) for name in names}
    return {"source.json": json.dumps(source).encode(), **files}
