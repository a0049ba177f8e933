from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.test_documentation import example, shape
from tests.steps import tiny


@pytest.mark.slow
def test_it_says_what_is_the_champion_and_what_it_replaced(run: Run, finished: Path) -> None:
    folder = finished.parent
    made = {}
    for seed in (0, 1):
        file = tiny.write_experiment(
            folder,
            "image",
            "text",
            tracking=f"sqlite:///{folder}/mlflow.db",
            training={"seed": seed},
        )
        trained = run("train", file, "--modality", "image", "--reuse", "--json")
        made[seed] = trained.json["encoder"]
    chosen = ("promote", file, "--modality", "image")
    first = run(*chosen, "--encoder", made[0], "--json").json
    assert (first["version"], first["replaced"]) == (1, None)
    second = run(*chosen, "--version", 2, "--json").json
    assert shape(second) == shape(example("promote"))
    assert second["encoder"] == made[1]
    assert second["replaced"] == {"version": 1, "encoder": made[0]}
    assert run(*chosen, "--version", 2, "--json").json["replaced"] is None
    shown = run(*chosen, "--version", 1)
    assert shown.out.splitlines() == [
        f"champion  models:/tiny.image@champion: version 1, {made[0]}",
        f"replaced  version 2, {made[1]}",
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "tracking: null"),
        (("--encoder", "encoders/image/gone"), "no complete version is there"),
        (("--version", "1", "--encoder", "x"), "not allowed with argument"),
    ],
)
def test_what_cannot_be_promoted(
    run: Run, finished: Path, options: tuple[str, ...], said: str
) -> None:
    shown = run("promote", finished, "--modality", "image", *options)
    assert shown.code == 2
    assert said in shown.err
    assert shown.err.count("\n") == 1
