"""Which subspace a preparation uses: the stored contract if there is one, else a new one.

Once a collection has a subspace, later modalities must fit it: the same projection, no
label outside its classes. A new one is made only where none with these settings is stored.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from sdml.errors import IntegrityError, NotFoundError, SubspaceError
from sdml.experiment import SubspaceSettings
from sdml.experiment.explain import explain
from sdml.features import Table, sort_classes, training_classes
from sdml.steps.context import Context
from sdml.store import Version
from sdml.subspace import Subspace

logger = logging.getLogger(__name__)

_SHOWN = 5


def stored_subspace(context: Context) -> Version | None:
    """The collection's newest subspace that agrees with the experiment file, if any.

    A file without a ``subspace`` section agrees with every subspace. Where it asks for a prior
    and none is selected yet, the random subspace that priors start from is the one.
    """
    asked = context.experiment.subspace
    free = "subspace" not in context.experiment.model_fields_set

    def agrees(version: Version) -> bool:
        made = stored_settings(version)
        if free:
            return True
        if asked.classes is not None and made.classes != asked.classes:
            return False
        if asked.kind in ("given", "identity"):  # two ways to one matrix: the content decides
            return (
                made.kind in ("given", "identity")
                and (made.dimension == asked.dimension or not _says_dimension(asked))
                and _made_from(asked, made.classes or ()).identity == version.manifest.id
            )
        return (made.kind, made.dimension, made.seed) == (asked.kind, asked.dimension, asked.seed)

    found = [version for version in context.catalog.versions("subspace") if agrees(version)]
    if not found and not free and asked.kind == "prior":
        return base_subspace(context)
    return found[-1] if found else None


def base_subspace(context: Context) -> Version | None:
    """The random subspace, of the file's dimension and seed, that priors start from, if stored."""
    asked = context.experiment.subspace

    def agrees(made: SubspaceSettings) -> bool:
        wanted = ("random", asked.dimension, asked.seed)
        fits = asked.classes is None or made.classes == asked.classes
        return (made.kind, made.dimension, made.seed) == wanted and fits

    versions = context.catalog.versions("subspace")
    found = [version for version in versions if agrees(stored_settings(version))]
    return found[-1] if found else None


def require_base(context: Context) -> Version:
    """As :func:`base_subspace`.

    Raises:
        NotFoundError: it is not stored.
    """
    base = base_subspace(context)
    if base is None:
        asked = context.experiment.subspace
        raise NotFoundError(
            f"a prior starts from the stored random subspace of dimension {asked.dimension} and "
            f"seed {asked.seed}, but {context.catalog.uri} has none: run 'sdml prepare' first"
        )
    return base


def require_subspace(context: Context) -> Version:
    """The stored subspace that a new modality is trained against.

    Raises:
        NotFoundError: the collection has none, or none that agrees with the file.
    """
    version = stored_subspace(context)
    if version is not None:
        return version
    asked = context.experiment.subspace
    stored = [
        f"{v.manifest.id} ({_shown(made)}{_other_classes(made, asked)})"
        for v in context.catalog.versions("subspace")
        for made in [stored_settings(v)]
    ]
    raise NotFoundError(
        f"a new modality needs the collection's stored subspace; {context.catalog.uri} has "
        f"{', '.join(stored) if stored else 'none'}, and the file asks for {_shown(asked)}: "
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
    return _made_from(asked, classes)


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
            "kind": "random" if asked.kind == "prior" else asked.kind,
            "dimension": subspace.dimension,
            "seed": asked.seed,
            "source": asked.source and Path(asked.source).name,
            "classes": list(subspace.classes),
        },
    )


def warn_of_another(context: Context, subspace: Subspace) -> None:
    """Say that the collection's encoders will not be found beside those of a new subspace."""
    catalog = context.catalog
    trained = catalog.modalities("encoder")
    stored = [version.manifest.id for version in catalog.versions("subspace")]
    if trained and subspace.identity not in stored:
        logger.warning(
            "%s holds encoders of %s for %s; this preparation makes another subspace, %s, and "
            "codes are compared within one only: train these again too, or give this file a "
            "collection name of its own",
            catalog.uri,
            ", ".join(trained),
            ", ".join(stored),
            subspace.identity,
        )


def stored_settings(version: Version) -> SubspaceSettings:
    """What a stored subspace was made from; ``source`` is a bare file name.

    A manifest of a time when there was one kind without a source does not say which.

    Raises:
        IntegrityError: the manifest does not say.
    """
    known = {key: version.manifest.settings.get(key) for key in SubspaceSettings.model_fields}
    if known["kind"] is None:
        del known["kind"]
    try:
        return SubspaceSettings.model_validate(known)
    except ValidationError as error:
        raise IntegrityError(
            f"{version.uri}/manifest.json: settings must say how the subspace was made: "
            f"{explain(error, SubspaceSettings)}: restore the version from a backup"
        ) from error


def _made_from(asked: SubspaceSettings, classes: Sequence[str]) -> Subspace:
    """The subspace that the settings say, for these classes."""
    match asked.kind:
        case "given":
            assert asked.source is not None
            return Subspace.from_file(Path(asked.source), classes, dimension=asked.dimension)
        case "identity":
            if _says_dimension(asked) and asked.dimension != len(classes):
                raise SubspaceError(
                    "subspace.dimension must be the number of classes when the kind is identity, "
                    f"but it is {asked.dimension} and there are {len(classes)} classes: leave it "
                    "out, or choose another kind"
                )
            return Subspace.unit(classes)
        case "simplex":
            return Subspace.simplex(classes, dimension=asked.dimension, seed=asked.seed)
        case "random" | "prior":  # a prior starts from a random one, and is selected later
            return Subspace.random(classes, dimension=asked.dimension, seed=asked.seed)


def _shown(settings: SubspaceSettings) -> str:
    kind = "" if settings.kind == "random" else f"kind {settings.kind}, "
    if not _says_dimension(settings):
        return f"kind {settings.kind}"
    return f"{kind}dimension {settings.dimension}, seed {settings.seed}"


def _other_classes(made: SubspaceSettings, asked: SubspaceSettings) -> str:
    """How the classes of a stored subspace differ from those that the file lists, if they do."""
    if asked.classes is None or made.classes is None or made.classes == asked.classes:
        return ""
    lacks = [name for name in asked.classes if name not in made.classes]
    besides = [name for name in made.classes if name not in asked.classes]
    said = [f"without {_named(lacks)}"] if lacks else []
    said += [f"with {_named(besides)} besides"] if besides else []
    return f", {' and '.join(said) or 'its classes in another order'}"


def _named(classes: Sequence[str]) -> str:
    shown = ", ".join(map(repr, classes[:_SHOWN]))
    more = len(classes) - _SHOWN
    noun = "class" if len(classes) == 1 else "classes"
    return f"{noun} {shown}" + (f" and {more} more" if more > 0 else "")


def _says_dimension(settings: SubspaceSettings) -> bool:
    """False if the number of classes says it."""
    return settings.kind != "identity" or "dimension" in settings.model_fields_set
