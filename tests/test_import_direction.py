"""Imports point one way: each part of the tree may import only what the table allows."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# part → parts of this project that it may import
FOUNDATION = {"sdml.errors", "sdml.experiment"}
MATHEMATICS = {"sdml.networks", "sdml.objectives"}
ALLOWED: dict[str, set[str]] = {
    "sdml": set(),
    "sdml.__main__": {"sdml.cli"},
    "sdml.environment": set(),
    "sdml.errors": set(),
    "sdml.experiment": {"sdml.errors"},
    "sdml.tensorfile": FOUNDATION,
    "sdml.rowfile": {"sdml.errors"},
    "sdml.subspace": FOUNDATION | {"sdml.tensorfile"},
    "sdml.features": FOUNDATION | {"sdml.rowfile"},
    "sdml.networks": FOUNDATION,
    "sdml.objectives": FOUNDATION,
    "sdml.store": FOUNDATION | {"sdml"},
    "sdml.tracking": FOUNDATION,
    "sdml.training": FOUNDATION
    | MATHEMATICS
    | {"sdml.retrieval", "sdml.rowfile", "sdml.subspace", "sdml.tensorfile"},
    "sdml.retrieval": FOUNDATION,
    "sdml.report": FOUNDATION | {"sdml.retrieval"},
    "sdml.steps": FOUNDATION
    | MATHEMATICS
    | {
        "sdml.features",
        "sdml.report",
        "sdml.retrieval",
        "sdml.store",
        "sdml.subspace",
        "sdml.tracking",
        "sdml.training",
    },
    "sdml.cli": FOUNDATION
    | {"sdml", "sdml.environment", "sdml.steps", "sdml.tracking", "sdml.training"},
    "components": {"sdml.steps"},
    "pipelines": FOUNDATION | {"components", "sdml.environment"},
}

# packages that only these files may import
ONLY_IN = {
    "boto3": {"sdml/store/s3.py", "sdml/store/s3_errors.py"},
    "botocore": {"sdml/store/s3.py", "sdml/store/s3_errors.py", "sdml/store/s3_transfer.py"},
    "mlflow": {str(path.relative_to(ROOT)) for path in ROOT.glob("sdml/tracking/mlflow*.py")},
    "llvmlite": {"sdml/retrieval/prefetch.py"},
    "numba": {
        "sdml/retrieval/compiled.py",
        "sdml/retrieval/compiled_products.py",
        "sdml/retrieval/prefetch.py",
    },
}

# parts that compute and nothing else
PURE = ("sdml.networks", "sdml.objectives", "sdml.retrieval")
PURE_PACKAGES = {"torch", "numpy", "numba", "llvmlite"}  # numba is optional; it brings the last
PURE_STDLIB = {
    "__future__",
    "abc",
    "collections",
    "concurrent",
    "contextlib",
    "dataclasses",
    "enum",
    "functools",
    "hashlib",
    "importlib",
    "itertools",
    "math",
    "typing",
}


def files() -> list[Path]:
    return [
        path
        for top in ("sdml", "components", "pipelines")
        for path in sorted((ROOT / top).rglob("*.py"))
    ]


def part_of(module: str) -> str:
    """The row of the table that a module belongs to."""
    names = module.split(".")
    if names[0] != "sdml":
        return names[0]
    return ".".join(names[:2]) if len(names) > 1 else "sdml"


def module_of(path: Path) -> str:
    names = list(path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


def imports_of(path: Path) -> list[tuple[int, str, bool]]:
    """(line, imported module, at the top of the file) of every import."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top = {id(node) for node in tree.body}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name, id(node) in top) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            assert node.module
            names = [node.module]
            if node.module == "sdml":
                names = [
                    f"sdml.{a.name}"
                    if (ROOT / "sdml" / a.name).with_suffix(".py").exists()
                    or (ROOT / "sdml" / a.name).is_dir()
                    else "sdml"
                    for a in node.names
                ]
            found += [(node.lineno, name, id(node) in top) for name in names]
    return found


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_follow_the_table(path: Path) -> None:
    part = part_of(module_of(path))
    assert part in ALLOWED, f"{part} has no row in the table"
    for line, name, _ in imports_of(path):
        where = f"{path.relative_to(ROOT)}:{line}: imports {name}"
        top = name.split(".")[0]
        if top in ("sdml", "components", "pipelines", "benchmarks", "examples", "tests"):
            target = part_of(name)
            assert target == part or target in ALLOWED[part], f"{where}, not allowed from {part}"
        if top in ONLY_IN:
            assert str(path.relative_to(ROOT)) in ONLY_IN[top], where
        if part.startswith(PURE) and top != "sdml":
            assert top in PURE_PACKAGES | PURE_STDLIB, f"{where}; this part only computes"


@pytest.mark.parametrize("path", sorted((ROOT / "components").rglob("component.py")), ids=str)
def test_components_import_little_at_the_top(path: Path) -> None:
    for line, name, at_top in imports_of(path):
        if at_top:
            assert name.split(".")[0] in ("typing", "kfp", "components"), f"{path}:{line}: {name}"


def test_the_guard_sees_a_forbidden_import(tmp_path: Path) -> None:
    file = tmp_path / "probe.py"
    file.write_text("def f():\n    from sdml.steps.train import train\n")
    assert imports_of(file) == [(2, "sdml.steps.train", False)]
    assert part_of("sdml.steps.train") not in ALLOWED["sdml.store"]
