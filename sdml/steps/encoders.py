"""Finding and opening stored encoders, and refusing to mix subspaces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from sdml.errors import DataError, IntegrityError, NotFoundError, SubspaceError
from sdml.experiment import KeySettings, SplitName
from sdml.experiment.base import NAME
from sdml.features import (
    FittedExtractor,
    Split,
    TransformState,
    extractor_from_objects,
    load_split,
    read_vectors,
)
from sdml.steps.code_files import room_for
from sdml.steps.context import Context, origin
from sdml.steps.contract import stored_subspace
from sdml.store import Version

if TYPE_CHECKING:
    from sdml.training.encoder_file import LoadedEncoder


@dataclass(frozen=True, kw_only=True)
class OpenEncoder:
    """A stored encoder, ready to embed."""

    version: Version
    network: LoadedEncoder
    transform: TransformState
    extractor: FittedExtractor | None
    key: str

    @property
    def modality(self) -> str:
        """The modality it was trained for."""
        assert self.version.manifest.modality is not None
        return self.version.manifest.modality

    def embed(self, source: str) -> npt.NDArray[np.float32]:
        """Codes (N, K) of vectors or raw items, read and transformed as for training.

        Raises:
            DataError: the source cannot be read, or its width is not the encoder's.
        """
        features_ND = read_vectors(source, self.extractor, self.key)
        width = self.network.input_dim
        if features_ND.shape[1] != width:
            raise DataError(
                f"{source}: the {self.modality} encoder takes {width} features a sample, "
                f"not {features_ND.shape[1]}: give vectors made like its training data"
            )
        return self.network.embed(self.transform.apply(features_ND, where=source))


def newest_encoders(
    context: Context, *, subspace: str | None = None, leave_out: Sequence[str] = ()
) -> list[Version]:
    """The newest encoder of each modality for one subspace.

    Args:
        subspace: path of the subspace's version; the collection's current one by default.
        leave_out: modalities not wanted.
    """
    if subspace is None:
        current = stored_subspace(context)
        if current is None:
            return []
        subspace = current.path
    found = []
    for modality in context.catalog.modalities("encoder"):
        if modality not in leave_out:
            found += _newest(context, modality, subspace)
    return found


def _newest(context: Context, modality: str, subspace: str) -> list[Version]:
    """The newest encoder of a modality for a subspace, or none."""
    versions = context.catalog.newest_first("encoder", modality)
    fitting = (version for version in versions if origin(version, "subspace") == subspace)
    return list(islice(fitting, 1))


def newest_encoder(context: Context, modality: str) -> Version:
    """The newest encoder of one modality for the collection's current subspace.

    Raises:
        NotFoundError: there is none; says which modalities have one.
    """
    current = stored_subspace(context)
    if current is not None and NAME.fullmatch(modality):
        for version in _newest(context, modality, current.path):
            return version
    have = ", ".join(version.manifest.modality or "" for version in newest_encoders(context))
    raise NotFoundError(
        f"{context.catalog.uri} holds no encoder of modality {modality!r} for the current "
        f"subspace (it has: {have or 'none'}): "
        f"run 'sdml train FILE.yaml --modality {modality}' first"
    )


def open_encoder(context: Context, version: Version) -> OpenEncoder:
    """Read an encoder and its transform.

    Raises:
        IntegrityError: an object is damaged.
        SubspaceError: the weights belong to another subspace than the manifest says.
    """
    from sdml.training.encoder_file import encoder_from_bytes  # imports torch

    name = "encoder.safetensors"
    network = encoder_from_bytes(context.catalog.read(version, name), where=f"{version.uri}/{name}")
    made_for = context.catalog.get(origin(version, "subspace")).manifest.id
    if network.subspace != made_for:
        raise SubspaceError(
            f"{version.uri}: the weights belong to subspace {network.subspace}, but the manifest "
            f"says {made_for}: restore the version from a backup, or train again"
        )

    def read(name: str) -> bytes:
        return context.catalog.read(version, name)

    features = context.catalog.get(origin(version, "features"))
    return OpenEncoder(
        version=version,
        network=network,
        transform=TransformState.from_objects(read),
        extractor=extractor_from_objects(read),
        key=_features_key(features),
    )


def _features_key(features: Version) -> str:
    """The array of features in new files: as in the source, if it had one for all splits."""
    try:
        key = KeySettings.model_validate(features.manifest.settings["keys"]).features
    except (KeyError, ValidationError) as error:
        raise IntegrityError(
            f"{features.uri}/manifest.json: settings must name the keys of the source, but do "
            "not: prepare and train the modality again, or restore the version"
        ) from error
    return key if isinstance(key, str) else "X"


def same_subspace(context: Context, versions: Sequence[Version]) -> Version:
    """The one subspace that all these encoders were trained for.

    Raises:
        SubspaceError: they were trained for different ones; their codes cannot be compared.
    """
    paths = {origin(version, "subspace"): version for version in versions}
    if len(paths) > 1:
        names = ", ".join(
            f"{version.manifest.modality}: {path}" for path, version in sorted(paths.items())
        )
        raise SubspaceError(
            f"codes can be compared only within one subspace, but these encoders have "
            f"{len(paths)} ({names}): train them against the same one"
        )
    return context.catalog.get(next(iter(paths)))


def part_of(context: Context, encoder: Version, split: SplitName) -> Split:
    """One split of the feature set that an encoder was trained on."""
    features = context.catalog.get(origin(encoder, "features"))
    return load_split(lambda name: context.catalog.local(features, name), split)


def codes_of(
    context: Context, encoder: OpenEncoder, split: SplitName
) -> tuple[npt.NDArray[np.float32], Split]:
    """Codes of one split of the feature set that an encoder was trained on.

    Many of them are kept in a file in the scratch folder and not in memory.

    Raises:
        StoreFullError: there is no room for that file.
    """
    part = part_of(context, encoder.version, split)
    shape = (len(part.features_ND), encoder.network.code_dim)
    return encoder.network.embed(part.features_ND, out=room_for(shape, context.scratch)), part
