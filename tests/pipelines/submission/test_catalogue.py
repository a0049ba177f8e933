"""Looking things up by their names, over pages."""

from __future__ import annotations

import pytest

from pipelines.submission import Connection
from pipelines.submission.catalogue import experiment_id, pipeline_id, version_id
from pipelines.submission.package import Package
from tests.servers.kubeflow import KubeflowServer

IR = b"{components: {}, pipelineInfo: {}, root: {}, schemaVersion: 2.1.0}"
PACKAGE = Package(content=IR, digest="0", parameters={})


@pytest.mark.parametrize("filters_last", [False, True])
def test_what_exists_is_found_on_any_page(
    server: KubeflowServer, connection: Connection, filters_last: bool
) -> None:
    names = ["n 1", "n+1", "50%25", "λ = ½", '"']
    experiments = [experiment_id(connection, name, namespace=None) for name in names]
    pipelines = [pipeline_id(connection, name, namespace=None) for name in names]
    versions = [version_id(connection, pipelines[0], name, PACKAGE)[0] for name in names]
    server.filters_last = filters_last
    assert [experiment_id(connection, name, namespace=None) for name in names] == experiments
    assert [pipeline_id(connection, name, namespace=None) for name in names] == pipelines
    for name, version in zip(names, versions, strict=True):
        assert version_id(connection, pipelines[0], name, PACKAGE) == (version, False)
    assert [len(server.experiments), len(server.pipelines), len(server.versions)] == [5, 5, 5]
