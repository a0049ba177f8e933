"""Every collection of the experiment by name, ``<family>-<training samples of each class>``."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from benchmarks.few_samples.collection import SmallCollection
from benchmarks.few_samples.generated import MODELS, generated
from benchmarks.few_samples.lifted import lifted
from benchmarks.few_samples.real import subset
from benchmarks.few_samples.tables import TABLES, table
from sdml.errors import UserError

REAL = ("digits_world", "wikipedia_svcl")
CHOSEN_BY = (*REAL, "lifted", *(model.name for model in MODELS))
FAMILIES = (*CHOSEN_BY, *TABLES)


@cache
def collection(name: str, seed: int, folder: Path) -> SmallCollection:
    """One draw of a collection.

    Args:
        name: family and samples of a class.
        seed: of the draw.
        folder: where the real ones are prepared, once.

    Raises:
        UserError: there is no such family, or SDML_DATA does not name what a real one needs.
    """
    family, _, count = name.rpartition("-")
    if family not in FAMILIES or not count.isdigit():
        raise UserError(
            f"a collection is FAMILY-COUNT with one of {', '.join(FAMILIES)}; received {name!r}"
        )
    per_class = int(count)
    if family in REAL:
        return subset(family, per_class=per_class, seed=seed, folder=folder)
    if family == "lifted":
        return lifted(per_class=per_class, seed=seed)
    if family in TABLES:
        return table(family, per_class=per_class, seed=seed)
    model = next(model for model in MODELS if model.name == family)
    return generated(model, per_class=per_class, seed=seed)
