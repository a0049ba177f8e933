"""Which subspace a preparation uses: the stored contract if there is one, else a new one.

Once a collection has a subspace, later modalities must fit it: the same projection, no
label outside its classes. A new one is made only where none with these settings is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from sdml.errors import IntegrityError, NotFoundError, SubspaceError
from sdml.experiment import SubspaceSettings
from sdml.experiment.explain import explain
from sdml.features import Table, sort_classes, training_classes
from sdml.steps.context import Context
from sdml.store import Version
from sdml.subspace import Subspace


def stored_subspace(context: Context) -> Version | None:
    """The collection's newest subspace that agrees with the experiment file, if any.

    A file without a ``subspace`` section agrees with every subspace.
    """
    asked = context.experiment.subspace
    free = "subspace" not in context.experiment.model_fields_set

    def agrees(version: Version) -> bool:
        made = stored_settings(version)
        return free or (
            made.dimension == asked.dimension
            and (made.seed == asked.seed or asked.source is not None)
            and (made.source is None) == (asked.source is None)
            and (asked.classes is None or made.classes == asked.classes)
        )

    found = [v for v in context.catalog.versions("subspace") if agrees(v)]
    if not found:
        return None
    if asked.source is None or free:
        return found[-1]
    for version in reversed(found):
        classes = stored_settings(version).classes or ()
        given = Subspace.from_file(Path(asked.source), classes, dimension=asked.dimension)
        if given.identity == version.manifest.id:
            return version
    return None


def require_subspace(context: Context) -> Version:
    """The stored subspace that a new modality is trained against.

    Raises:
        NotFoundError: the collection has none, or none that agrees with the file.
    """
    version = stored_subspace(context)
    if version is not None:
        return version
    stored = [
        f"{v.manifest.id} (dimension {made.dimension}, seed {made.seed})"
        for v in context.catalog.versions("subspace")
        for made in [stored_settings(v)]
    ]
    asked = context.experiment.subspace
    raise NotFoundError(
        f"a new modality needs the collection's stored subspace; {context.catalog.uri} has "
        f"{', '.join(stored) if stored else 'none'}, and the file asks for dimension "
        f"{asked.dimension}, seed {asked.seed}: "
        + (
            "make the file's subspace section agree, or leave it out"
            if stored
            else "run 'sdml prepare' or the train pipeline first"
        )
    )


def new_subspace(context: Context, tables: Mapping[str, Table]) -> Subspace:
    """Make the collection's subspace from the file's settings and the training labels.

    Args:
        tables: every modality that may contribute classes, by name.

    Raises:
        SubspaceError: no labels at all, fewer dimensions than classes, or a given matrix
            that is not orthonormal.
    """
    asked = context.experiment.subspace
    classes = asked.classes or vocabulary(tables)
    if not classes:
        raise SubspaceError(
            "a subspace needs classes, but no modality has a training label: "
            "give labels, or list subspace.classes in the experiment file"
        )
    if asked.source is not None:
        return Subspace.from_file(Path(asked.source), classes, dimension=asked.dimension)
    return Subspace.random(classes, dimension=asked.dimension, seed=asked.seed)


def vocabulary(tables: Mapping[str, Table]) -> tuple[str, ...]:
    """The ordered classes: the sorted union of all modalities' training labels."""
    names: set[str] = set()
    for name, table in tables.items():
        names.update(training_classes(table, where=f"modality {name}"))
    return tuple(sort_classes(names))


def publish_subspace(context: Context, subspace: Subspace) -> Version:
    """Store a subspace under its identity; storing it twice changes nothing."""
    asked = context.experiment.subspace
    return context.catalog.publish(
        "subspace",
        id=subspace.identity,
        objects={"projection.safetensors": subspace.to_bytes()},
        seed=asked.seed,
        settings={
            "dimension": asked.dimension,
            "seed": asked.seed,
            "source": asked.source and Path(asked.source).name,
            "classes": list(subspace.classes),
        },
    )


def stored_settings(version: Version) -> SubspaceSettings:
    """What a stored subspace was made from; ``source`` is a bare file name.

    Raises:
        IntegrityError: the manifest does not say.
    """
    known = {key: version.manifest.settings.get(key) for key in SubspaceSettings.model_fields}
    try:
        return SubspaceSettings.model_validate(known)
    except ValidationError as error:
        raise IntegrityError(
            f"{version.uri}/manifest.json: settings must say how the subspace was made: "
            f"{explain(error, SubspaceSettings)}: restore the version from a backup"
        ) from error
