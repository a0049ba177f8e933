from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sdml.steps.pipeline import pipeline_task
from sdml.steps.prepare import prepare
from tests.steps.conftest import MakeContext

PLAIN = "collection: a\ntracking: null\nmodalities: {image: {source: a.npz}}\n"


def test_a_task_opens_the_experiment_of_its_parameter(
    make: MakeContext, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make("image")
    text = (tmp_path / "experiment.yaml").read_text().replace("image.npz", f"{tmp_path}/image.npz")
    with pipeline_task(text, name="t", store=str(tmp_path / "other")) as task:
        prepare(task.context)
    assert (tmp_path / "other" / "tiny").is_dir()
    said = capsys.readouterr().out
    assert said.startswith("sdml: prepared image: ")


def test_endpoints_given_as_parameters_replace_those_of_the_file(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'runs.db'}"
    with pipeline_task(PLAIN, name="t", store=str(tmp_path), tracking=uri) as task:
        assert task.context.experiment.store == str(tmp_path)
        assert task.context.experiment.tracking == uri
    with pipeline_task(PLAIN, name="t") as task:
        assert task.context.experiment.tracking is None


@pytest.mark.server
def test_an_experiment_may_lie_in_a_bucket(s3_environment: str, s3_client: Any) -> None:
    bucket = s3_environment.removeprefix("s3://")
    s3_client.put_object(Bucket=bucket, Key="files/a.yaml", Body=PLAIN.encode())
    s3_client.put_object(Bucket=bucket, Key="files/b.yaml", Body=b"\xff")
    with pipeline_task(f"{s3_environment}/files/a.yaml", name="t") as task:
        assert task.context.experiment.collection == "a"
    for missing in ("b.yaml", "c.yaml"):
        with (
            pytest.raises(SystemExit) as ended,
            pipeline_task(f"{s3_environment}/files/{missing}", name="t"),
        ):
            pass
        assert ended.value.code == 2


def test_an_error_of_a_task_is_one_line_and_its_exit_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = "collection: UPPER\nmodalities: {}\n"
    with pytest.raises(SystemExit) as ended, pipeline_task(text, name="t"):
        pass
    assert ended.value.code == 2
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("sdml: error: pipeline parameter 'experiment': collection: ")
    assert second == "sdml: exit code 2"


def test_a_defect_of_a_task_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError), pipeline_task(PLAIN, name="t"):
        _ = 1 / 0
