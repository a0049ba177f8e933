from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.job.cluster import connected
from pipelines.job.refusal import Asked, ClusterRefusalError, UnavailableError
from sdml.errors import UserError
from tests.servers.kubernetes import KubernetesServer

JOB = Asked(verb="get", resource="jobs", namespace="sdml", name="a-job")


def test_without_a_kubeconfig_says_so(tmp_path: Path) -> None:
    nowhere = {"KUBECONFIG": str(tmp_path / "none")}
    with (
        pytest.raises(UserError, match=r"there is none at .*none: set KUBECONFIG"),
        connected(None, nowhere),
    ):
        pass


def test_inside_a_pod_without_a_token_says_so(tmp_path: Path) -> None:
    pod = {"KUBECONFIG": str(tmp_path / "none"), "KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    with pytest.raises(UserError, match="automountServiceAccountToken"), connected(None, pod):
        pass


@pytest.mark.parametrize("content", ["", "{", "kind: Config", "- 1", "\x00"])
def test_an_unusable_kubeconfig_says_so(tmp_path: Path, content: str) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(content)
    with (
        pytest.raises(UserError, match="cannot be used"),
        connected(None, {"KUBECONFIG": str(file)}),
    ):
        pass


def test_an_unknown_context_says_so(kubeconfig: Path) -> None:
    with (
        pytest.raises(UserError, match=r"cannot be used.*nothing.*get-contexts"),
        connected("nothing"),
    ):
        pass


def test_a_context_by_name_and_several_files(
    server: KubernetesServer, kubeconfig: Path, tmp_path: Path
) -> None:
    files = {"KUBECONFIG": f"{tmp_path / 'none'}:{kubeconfig}"}
    with connected("test", files) as cluster:
        assert cluster.host == server.host


def test_a_wrong_token_is_told(server: KubernetesServer, tmp_path: Path) -> None:
    file = server.kubeconfig(tmp_path / "other", token="wrong")
    with (
        connected(None, {"KUBECONFIG": str(file)}) as cluster,
        pytest.raises(ClusterRefusalError, match="does not know you"),
    ):
        cluster.get(JOB)


def test_nobody_there_is_told_at_once(server: KubernetesServer, kubeconfig: Path) -> None:
    server.close()
    with (
        connected(None) as cluster,
        pytest.raises(UnavailableError, match="no Kubernetes cluster answers there"),
    ):
        cluster.get(JOB)


def test_a_name_is_one_part_of_the_path() -> None:
    asked = Asked(verb="get", resource="jobs", namespace="sdml", name="../pods?x=1")
    assert asked.path == "/apis/batch/v1/namespaces/sdml/jobs/..%2Fpods%3Fx%3D1"
    log = Asked(verb="get", resource="pods/log", namespace="sdml", name="a")
    assert log.path == "/api/v1/namespaces/sdml/pods/a/log"
