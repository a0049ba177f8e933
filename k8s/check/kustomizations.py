"""The kustomizations of a folder, and the objects that each of them makes.

A folder called ``base`` and a kustomize Component are building blocks: they need not be complete.
Every other kustomization is meant to be applied as it is.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sdml.errors import SDMLError, UserError

ROOT = Path(__file__).parents[1]

Object = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Kustomization:
    """One folder with a ``kustomization.yaml``. ``name`` is its path below the root."""

    name: str
    folder: Path
    component: bool

    @property
    def applied(self) -> bool:
        """Whether somebody applies it as it is."""
        return not self.component and self.folder.name != "base"


def kustomizations(root: Path = ROOT) -> list[Kustomization]:
    """All of them below ``root``, by name.

    Raises:
        UserError: there is none.
    """
    found = []
    for path in sorted(root.rglob("kustomization.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        found.append(
            Kustomization(
                name=path.parent.relative_to(root).as_posix(),
                folder=path.parent,
                component=content.get("kind") == "Component",
            )
        )
    if not found:
        raise UserError(f"{root} must hold kustomizations, but no kustomization.yaml is in it")
    return found


def render(folder: Path) -> str:
    """What ``kubectl kustomize`` makes of a folder: YAML documents.

    Raises:
        UserError: kubectl is not installed.
        SDMLError: the folder cannot be built.
    """
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise UserError(
            "kubectl must be on PATH, because it builds the kustomizations, but it is not: "
            "install it (1.30 or newer; no cluster is needed)"
        )
    done = subprocess.run(  # noqa: S603  (our own folders)
        [kubectl, "kustomize", str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SDMLError(f"{folder} cannot be built: {done.stderr.strip()}")
    return done.stdout


def objects(rendered: str) -> list[Object]:
    """The objects of rendered YAML, in its order."""
    return [document for document in yaml.safe_load_all(rendered) if document]


def build_all(found: list[Kustomization]) -> dict[str, str]:
    """The YAML of every kustomization, by name.

    A Component that only changes what others make cannot be built alone: it is left out, and one
    of the others must use it.

    Raises:
        UserError: kubectl is not installed.
        SDMLError: a kustomization cannot be built, or a Component is used by none.
    """
    used = used_components(found)
    built = {}
    for item in found:
        try:
            built[item.name] = render(item.folder)
        except UserError:
            raise
        except SDMLError:
            if item.folder.resolve() not in used:
                raise
    return built


def used_components(found: list[Kustomization]) -> set[Path]:
    """The folders of all Components that an applied kustomization names."""
    used = set()
    for item in found:
        content = yaml.safe_load((item.folder / "kustomization.yaml").read_text(encoding="utf-8"))
        if item.applied:
            used |= {(item.folder / name).resolve() for name in content.get("components", ())}
    return used
