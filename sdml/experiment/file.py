"""The experiment file: YAML in and out, environment variables, paths relative to the file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from sdml.errors import ExperimentError
from sdml.experiment.base import Settings
from sdml.experiment.explain import explain
from sdml.experiment.modality import ModalitySettings
from sdml.experiment.settings import Experiment

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_SQLITE = "sqlite:///"
_Model = TypeVar("_Model", bound=Settings)


def read_experiment(path: Path, environment: Mapping[str, str] = os.environ) -> Experiment:
    """Read an experiment file.

    Args:
        path: the YAML file; relative paths inside it are relative to its folder.
        environment: where ``${NAME}`` and ``${NAME:-default}`` are looked up.

    Raises:
        ExperimentError: unreadable, not YAML, an unknown key, or a value that is not allowed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ExperimentError(
            f"{path}: cannot be read as an experiment file: {error.strerror}: correct the path"
        ) from error
    except UnicodeDecodeError as error:
        raise ExperimentError(
            f"{path}: cannot be read as an experiment file: {error}: write YAML in UTF-8"
        ) from error
    return parse_experiment(text, where=str(path), folder=path.parent, environment=environment)


def parse_experiment(
    text: str,
    *,
    where: str = "experiment",
    folder: Path = Path(),
    environment: Mapping[str, str] = os.environ,
) -> Experiment:
    """Parse the text of an experiment file; ``where`` names it in errors.

    Raises:
        ExperimentError: as :func:`read_experiment`.
    """
    try:
        data = yaml.load(text, Loader=_UniqueKeys)  # noqa: S506  (a SafeLoader)
    except (yaml.YAMLError, ValueError) as error:  # the latter for a date that is none
        line = " ".join(str(error).split())
        raise ExperimentError(f"{where}: not valid YAML: {line}") from error
    if not isinstance(data, dict):
        raise ExperimentError(
            f"{where}: an experiment file is a mapping with 'collection' and 'modalities', "
            f"not {'nothing' if data is None else type(data).__name__}"
        )
    try:
        filled = _fill(data, environment, ())
    except KeyError as error:
        path, name = error.args
        raise ExperimentError(
            f"{where}: {path}: environment variable {name} is not set: "
            f"set it, or write ${{{name}:-default}}"
        ) from error
    try:
        return _absolute(Experiment.model_validate(filled), folder.resolve())
    except ValidationError as error:
        raise ExperimentError(f"{where}: {explain(error, Experiment)}") from error


def dump_experiment(experiment: Experiment) -> str:
    """The experiment as YAML that parses to the same experiment, wherever it is read.

    What the user has not said is left out, but for the two paths that depend on the place.
    """
    data = {
        "store": experiment.store,
        "tracking": experiment.tracking,
        **experiment.model_dump(mode="json", by_alias=True, exclude_unset=True),
    }
    for modality in data["modalities"].values():
        modality.update(modality.pop("training", {}))
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


class _UniqueKeys(yaml.SafeLoader):
    """YAML allows a repeated key and keeps the last; a repeated modality is a mistake."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} stands twice", key_node.start_mark
                )
            seen.add(key if isinstance(key, str) else repr(key))
        return super().construct_mapping(node, deep)


def _fill(value: Any, environment: Mapping[str, str], path: tuple[str, ...]) -> Any:
    """Replace variables in every string; a replaced scalar is typed again as YAML would."""
    if isinstance(value, dict):
        return {str(k): _fill(v, environment, (*path, str(k))) for k, v in value.items()}
    if isinstance(value, list):
        return [_fill(v, environment, (*path, str(i))) for i, v in enumerate(value)]
    if not isinstance(value, str) or not _VARIABLE.search(value):
        return value

    def found(match: re.Match[str]) -> str:
        name, default = match.groups()
        if environment.get(name):
            return environment[name]
        if default is None:
            raise KeyError(".".join(path), name)
        return str(default)

    text = _VARIABLE.sub(found, value)
    try:
        typed = yaml.safe_load(text) if text else text
    except (yaml.YAMLError, ValueError):  # a path may look like anything
        return text
    return typed if isinstance(typed, int | float) else text


def _absolute(experiment: Experiment, folder: Path) -> Experiment:
    """The same experiment with every path made absolute against ``folder``."""

    def resolve(path: str) -> str:
        return path if "://" in path else str(folder / path)

    def section(modality: ModalitySettings) -> ModalitySettings:
        labels = modality.labels
        if isinstance(labels, dict):
            labels = {split: resolve(path) for split, path in labels.items()}
        elif labels is not None:
            labels = resolve(labels)
        return _replace(modality, source=resolve(modality.source), labels=labels)

    subspace, tracking = experiment.subspace, experiment.tracking
    if tracking and tracking.startswith(_SQLITE):
        tracking = _SQLITE + resolve(tracking.removeprefix(_SQLITE))
    return _replace(
        experiment,
        store=resolve(experiment.store),
        tracking=tracking,
        subspace=_replace(subspace, source=subspace.source and resolve(subspace.source)),
        modalities={name: section(modality) for name, modality in experiment.modalities.items()},
    )


def _replace(settings: _Model, **values: Any) -> _Model:
    """A copy with other values that does not count defaults as said by the user."""
    copy = settings.model_copy(update=values)
    copy.model_fields_set.intersection_update(settings.model_fields_set)
    return copy
