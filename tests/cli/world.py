"""Where a case of bad input happens: a folder with a collection, and ways to spoil it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.cli.bad_files import Content, npy
from tests.steps import tiny

Arguments = list[object]


@dataclass(frozen=True)
class World:
    """A new folder; ``trained`` is a collection to copy, whose image and text are trained."""

    folder: Path
    trained: Path

    def file(self, **sections: Any) -> Path:
        """An experiment file about the one modality image."""
        return tiny.write_experiment(self.folder, "image", **sections)

    def copy(self) -> Path:
        """The experiment file of a copy of the trained collection."""
        shutil.copytree(self.trained.parent, self.folder, dirs_exist_ok=True)
        return self.folder / self.trained.name

    def stored(self, pattern: str) -> Path:
        """The one file in the copy's collection that matches, e.g. ``encoders/text/*/a.json``."""
        (found,) = (self.folder / "store" / "tiny").glob(pattern)
        return found

    def queries(self, array: Any = None) -> Path:
        """A file of vectors; three sound ones by default."""
        path = self.folder / "q.npy"
        np.save(path, tiny.arrays("image")["X"][:3] if array is None else array)
        return path


Arrange = Callable[[World], Arguments]
"""Makes what is wrong and returns the command to meet it."""

EMBED = ("embed", "--modality", "image", "--input", "{folder}/q.npy", "--output", "{folder}/c.npy")
SEARCH = ("search", "--query", "image", "--input", "{folder}/q.npy", "--gallery", "text")
TRAIN = ("train", "--modality", "image")


@dataclass(frozen=True)
class Case:
    """What to do, what the line of error must hold, and the exit code."""

    arrange: Arrange
    said: tuple[str, ...]
    code: int = 2


def case(arrange: Arrange, *said: str, code: int = 2) -> Case:
    """A case; most are mistakes of the user."""
    return Case(arrange, said, code)


def prepare(name: str, content: Content, **modality: Any) -> Arrange:
    """``sdml prepare`` where the source of image is such a file; keywords are its settings."""

    def arrange(world: World) -> Arguments:
        content(world.folder / name)
        return ["prepare", world.file(modalities={"image": {"source": name, **modality}})]

    return arrange


def labels(name: str, data: bytes) -> Arrange:
    """``sdml prepare`` with sound features and such a file of labels."""

    def arrange(world: World) -> Arguments:
        (world.folder / name).write_bytes(data)
        return prepare("a.npy", npy(tiny.arrays("image")["X"]), labels=name)(world)

    return arrange


def raw_items(
    extractor: object, name: str, content: Content, source: str, sound: Content | None = None
) -> Arrange:
    """``sdml prepare`` with an extractor on what ``source`` finds.

    One file is ``content``; with ``sound``, ten others of the same ending are fine.
    """

    def arrange(world: World) -> Arguments:
        path = world.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content(path)
        for index in range(10 if sound else 0):
            beside = world.folder / "ab"[index % 2] / f"{index}{path.suffix}"
            beside.parent.mkdir(exist_ok=True)
            assert sound is not None
            sound(beside)
        settings = {"source": source, "extractor": extractor}
        return ["prepare", world.file(modalities={"image": settings})]

    return arrange


def sections(command: str, *options: object, **given: Any) -> Arrange:
    """A command on a sound source, with such sections in the experiment file."""

    def arrange(world: World) -> Arguments:
        tiny.write_sources(world.folder, "image")
        return [command, world.file(**given), *options]

    return arrange


def projection(name: str, content: Content, dimension: int = 16) -> Arrange:
    """``sdml prepare`` with a given matrix."""

    def arrange(world: World) -> Arguments:
        tiny.write_sources(world.folder, "image")
        content(world.folder / name)
        return ["prepare", world.file(subspace={"dimension": dimension, "source": name})]

    return arrange


def text(content: bytes | None) -> Arrange:
    """``sdml prepare`` on an experiment file with exactly these bytes."""

    def arrange(world: World) -> Arguments:
        tiny.write_sources(world.folder, "image")
        path = world.folder / "e.yaml"
        if content is not None:
            path.write_bytes(content)
        return ["prepare", path]

    return arrange


def trained(*command: object, **given: Any) -> Arrange:
    """A command on the trained collection; ``{folder}`` in it is the folder."""

    def arrange(world: World) -> Arguments:
        file = world.copy()
        if given:
            tiny.write_experiment(world.folder, "image", "text", **given)
        world.queries()
        name, *options = (str(word).format(folder=world.folder) for word in command)
        return [name, file, *options]

    return arrange


def queries(array: Any, *command: object) -> Arrange:
    """A command on the trained collection, whose file of queries holds such an array."""

    def arrange(world: World) -> Arguments:
        arguments = trained(*command)(world)
        world.queries(array)
        return arguments

    return arrange


def spoiled(pattern: str, spoil: Callable[[Path], object], *command: object) -> Arrange:
    """A command on the trained collection, after one stored file was spoiled."""

    def arrange(world: World) -> Arguments:
        arguments = trained(*command)(world)
        spoil(world.stored(pattern))
        return arguments

    return arrange


def score(option: str, content: Content, *more: object) -> Arrange:
    """``sdml score`` where one of the four files is such."""

    def arrange(world: World) -> Arguments:
        files: dict[str, object] = {}
        for side, items in (("query", 6), ("gallery", 9)):
            np.save(world.folder / f"{side}.npy", np.eye(items, 4) + 0.1)
            np.save(world.folder / f"{side}-labels.npy", np.arange(items) % 3)
            files[f"--{side}"] = world.folder / f"{side}.npy"
            files[f"--{side}-labels"] = world.folder / f"{side}-labels.npy"
        files[option] = world.folder / "bad.npy"
        content(world.folder / "bad.npy")
        return ["score", *(word for pair in files.items() for word in pair), *more]

    return arrange


def tampered(path: Path) -> None:
    """One bit of the last byte is another."""
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def truncated(path: Path) -> None:
    """The second half is gone."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def with_field(*keys: str, value: object) -> Callable[[Path], None]:
    """A manifest in which one field is another."""

    def spoil(path: Path) -> None:
        document = json.loads(path.read_text())
        inner = document
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = value
        path.write_text(json.dumps(document))

    return spoil
