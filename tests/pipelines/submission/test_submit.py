"""Runs, pipelines and versions on a server: what is created, what is used again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from pipelines.submission import Connection, Order, submit
from sdml.errors import ExperimentError, UserError
from sdml.experiment import read_experiment
from tests.pipelines.world import write_experiment
from tests.servers.kubeflow import KubeflowServer, Refusal, kubeflow_server


def test_the_first_submission_creates_all(
    server: KubeflowServer,
    connection: Connection,
    order: Order,
    capfd: pytest.CaptureFixture[str],
) -> None:
    made = submit(connection, order)
    [run] = server.runs
    assert (run.run_id, run.display_name) == (made.id, "tiny train")
    assert made.url == f"{server.host}/#/runs/details/{made.id}"
    [experiment], [pipeline], [version] = server.experiments, server.pipelines, server.versions
    assert (experiment.display_name, experiment.experiment_id) == ("tiny", run.experiment_id)
    assert pipeline.display_name == "sdml-train"
    assert version.display_name.startswith("sdml-train-")
    assert made.version == version.display_name
    assert made.uploaded
    assert capfd.readouterr() == ("", "")


def test_the_package_has_the_pipeline_and_the_run_has_the_experiment(
    server: KubeflowServer, connection: Connection, order: Order
) -> None:
    submit(connection, order)
    [(version, documents)] = server.packages.items()
    root = documents[0]["root"]
    assert documents[0]["pipelineInfo"]["name"] == "sdml-train"
    executors = documents[0]["deploymentSpec"]["executors"]
    assert {"exec-prepare", "exec-train", "exec-evaluate"} <= set(executors)
    # No value of the experiment, but the defaults that the pipeline's code has itself.
    assert "image.npz" not in yaml.safe_dump_all(documents)
    inputs = root["inputDefinitions"]["parameters"]
    assert not [n for n, i in inputs.items() if ("defaultValue" in i) != i.get("isOptional", False)]
    [run] = server.runs
    assert run.pipeline_version_reference.pipeline_version_id == version
    assert set(run.runtime_config.parameters) == set(root["inputDefinitions"]["parameters"])
    sent = json.loads(run.runtime_config.parameters["experiment"])
    assert sent["collection"] == "tiny"
    assert set(sent["modalities"]) == {"image", "text"}


def test_the_second_submission_uploads_nothing(
    server: KubeflowServer, connection: Connection, order: Order
) -> None:
    first, second = submit(connection, order), submit(connection, order)
    assert not second.uploaded
    assert (second.version_id, second.pipeline_id) == (first.version_id, first.pipeline_id)
    assert second.id != first.id
    assert len(server.runs) == 2
    assert server.paths().count("/pipelines/upload_version") == 1


def test_another_experiment_is_another_run_of_the_same_version(
    server: KubeflowServer, connection: Connection, order: Order, tmp_path: Path
) -> None:
    changed = read_experiment(write_experiment(tmp_path / "other", training={"lambda": 0.75}))
    first = submit(connection, order)
    second = submit(connection, replace(order, experiment=changed))
    assert second.version_id == first.version_id
    assert len(server.versions) == 1
    sent = json.loads(server.runs[1].runtime_config.parameters["experiment"])
    assert sent["training"]["lambda"] == 0.75


def test_another_pipeline_or_caching_is_another_version(
    server: KubeflowServer, connection: Connection, order: Order
) -> None:
    submit(connection, order)
    uncached = submit(connection, replace(order, cache=False))
    assert uncached.uploaded
    swept = submit(connection, replace(order, pipeline="sweep"))
    assert swept.pipeline == "sdml-sweep"
    assert len({version.display_name for version in server.versions}) == 3
    assert [p.display_name for p in server.pipelines] == ["sdml-train", "sdml-sweep"]


def test_names_are_as_ordered(server: KubeflowServer, connection: Connection, order: Order) -> None:
    named = replace(
        order,
        kfp_experiment="weekly",
        run_name="my run",
        pipeline_name="digits-train",
        service_account="trainer",
    )
    made = submit(connection, named)
    [run] = server.runs
    assert (run.display_name, run.service_account) == ("my run", "trainer")
    assert server.experiments[0].display_name == "weekly"
    assert made.version.startswith("digits-train-")


def test_in_a_race_the_other_one_is_used(
    server: KubeflowServer, connection: Connection, order: Order
) -> None:
    submit(connection, order)
    lists = [
        "GET /apis/v2beta1/experiments",
        "GET /apis/v2beta1/pipelines",
        f"GET /apis/v2beta1/pipelines/{server.pipelines[0].pipeline_id}/versions",
    ]
    for path in lists:  # as if it had not been there at the first look
        server.next_answers[path] = [Refusal(200, raw=b"{}")]
    assert not submit(connection, order).uploaded
    assert [len(server.experiments), len(server.pipelines), len(server.versions)] == [1, 1, 1]


def test_a_conflict_that_nobody_explains_is_told(
    server: KubeflowServer, connection: Connection, order: Order
) -> None:
    server.next_answers["POST /apis/v2beta1/pipelines"] = [Refusal(409, "name is taken")]
    with pytest.raises(UserError, match="409: name is taken"):
        submit(connection, order)


def test_with_many_users_all_is_in_ones_own_namespace(order: Order) -> None:
    with kubeflow_server(multi_user=True) as server:
        connection = Connection(server.host)
        submit(connection, replace(order, namespace="team"))
        assert {server.experiments[0].namespace, server.pipelines[0].namespace} == {"team"}
        # The file's own namespace is taken when none is given.
        server.namespaces.add("sdml")
        submit(connection, order)
        assert server.experiments[1].namespace == "sdml"
        with pytest.raises(UserError, match=r"403: .*--namespace.*'other'") as refused:
            submit(connection, replace(order, namespace="other"))
        assert refused.value.exit_code == 2


def test_a_namespace_is_refused_where_there_are_none(
    server: KubeflowServer, connection: Connection, order: Order
) -> None:
    with pytest.raises(UserError, match="--namespace is for servers"):
        submit(connection, replace(order, namespace="team"))
    assert server.paths() == []


def test_a_wrong_order_is_refused_before_anything_is_asked(
    server: KubeflowServer, connection: Connection, order: Order
) -> None:
    with pytest.raises(ExperimentError, match="at least two"):
        submit(connection, replace(order, modalities=["image"]))
    assert server.asked == []


def test_a_pipeline_that_the_server_refuses_is_told_in_its_words(
    server: KubeflowServer, connection: Connection, order: Order
) -> None:
    words = {"error_message": "Bad", "error_details": "unknown field 'lanes' in the spec"}
    server.next_answers["POST /apis/v2beta1/pipelines/upload_version"] = [
        Refusal(400, raw=json.dumps(words).encode())
    ]
    with pytest.raises(UserError, match="400: unknown field 'lanes' in the spec"):
        submit(connection, order)
    assert server.runs == []
