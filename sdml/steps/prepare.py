"""Prepare: raw or feature files in, checked feature sets and the shared subspace out."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sdml.features import FeatureSet, Table, build_feature_set, other_objects, read_table
from sdml.steps.context import Context, read_subspace
from sdml.steps.contract import (
    base_subspace,
    new_subspace,
    publish_subspace,
    require_subspace,
    stored_subspace,
    warn_of_another,
)
from sdml.steps.identity import recorded
from sdml.steps.shards import Parts
from sdml.steps.sources import local_source, scratch_folder
from sdml.store import Sealed
from sdml.store.files import mapped_errors

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """URIs of what a preparation made: the subspace, and one feature set for each modality."""

    subspace: str
    features: dict[str, str]


def prepare(
    context: Context,
    *,
    modalities: Sequence[str] | None = None,
    new_modality: bool = False,
    join: bool = False,
    for_prior: bool = False,
) -> Prepared:
    """Prepare modalities of the experiment (all of them by default).

    Everything is read and checked before anything is written.

    Args:
        modalities: names in the experiment file.
        new_modality: the collection must already have a subspace; none is made.
        join: the shards of every modality that has some must be prepared. Without this, a modality
            that lacks one is prepared from its source.
        for_prior: for the random subspace that priors start from, also where one is selected.

    Raises:
        DataError: a source is not what was promised.
        NotFoundError: ``new_modality``, and no subspace is stored; or ``join``, and a shard is not.
        SubspaceError: no subspace can be made from the settings.
        StoreFullError: there is no room in the store, or for temporary files.
    """
    names = list(dict.fromkeys(modalities or context.experiment.modalities))
    for name in names:
        context.modality(name)
    if for_prior:
        stored = base_subspace(context)
    else:
        stored = require_subspace(context) if new_modality else stored_subspace(context)
    parts = {name: Parts(context, name) for name in names if context.modality(name).shards > 1}
    if join:
        for of_modality in parts.values():
            of_modality.require()
    with scratch_folder(context.scratch) as scratch:
        tables = {name: _table(context, name, parts.get(name), scratch) for name in names}
        if stored is not None:
            subspace = read_subspace(context.catalog, stored)
        else:
            others = [m for m in context.experiment.modalities if m not in names]
            if context.experiment.subspace.classes is not None:
                others = []
            subspace = new_subspace(
                context, tables | {m: _read(context, m, scratch) for m in others}
            )
        made = {}
        for name in names:
            folder = Path(tempfile.mkdtemp(dir=scratch))
            with mapped_errors(folder):
                made[name] = _objects(
                    build_feature_set(
                        tables.pop(name),
                        context.modality(name),
                        subspace.classes,
                        folder,
                        name=name,
                        subspace=stored.manifest.id if stored else None,
                    )
                )
        if stored is None:
            warn_of_another(context, subspace)
        version = publish_subspace(context, subspace) if stored is None else stored
        features = {}
        for name, objects in made.items():
            settings = context.modality(name)
            features[name] = context.catalog.publish(
                "features",
                modality=name,
                objects=objects,
                settings=recorded(settings),
                made_from={"subspace": version.path},
                seed=settings.split.seed,
                reuse=True,
            ).uri
            logger.info("prepared %s: %s", name, features[name])
        for of_modality in parts.values():
            of_modality.remove()
    return Prepared(subspace=version.uri, features=features)


def _table(context: Context, name: str, parts: Parts | None, scratch: Path) -> Table:
    """From its parts if they are all there, else from the source."""
    if parts is None or parts.missing:
        if parts and len(parts.missing) < context.modality(name).shards:
            logger.warning(
                "modality %s: shards %s are not there, so all of it is prepared here",
                name,
                ", ".join(map(str, parts.missing)),
            )
        return _read(context, name, scratch)
    return parts.table(scratch)


def _read(context: Context, name: str, scratch: Path) -> Table:
    return read_table(local_source(context.modality(name), scratch, name=name), name=name)


def _objects(feature_set: FeatureSet) -> dict[str, bytes | Path | Sealed]:
    """Everything that stores a feature set, by name."""
    vectors = {
        f"{split}.features.npy": Sealed(path=file.path, bytes=file.bytes, sha256=file.sha256)
        for split, file in feature_set.vectors.items()
    }
    return {**vectors, **other_objects(feature_set)}
