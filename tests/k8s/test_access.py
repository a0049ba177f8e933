"""Who may do what: one Role, without wildcards, and nothing outside the namespace."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from k8s.check.kustomizations import ROOT
from tests.k8s.manifests import APPLIED, OVERLAYS, named, objects_of, of_kind

# resource → verbs of a submitter
SUBMITTER = {
    "jobs": {"create", "get", "list", "watch", "delete"},
    "configmaps": {"create", "get", "patch", "delete"},
    "pods": {"get", "list", "watch"},
    "pods/log": {"get"},
    "events": {"get", "list", "watch"},
}


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_submitter_may_do_this_and_nothing_else(name: str) -> None:
    role = named(objects_of(name), "Role", "sdml-submitter")
    granted = {resource: set(r["verbs"]) for r in role["rules"] for resource in r["resources"]}
    assert granted == SUBMITTER
    assert [r["metadata"]["name"] for r in of_kind(objects_of(name), "Role")] == ["sdml-submitter"]


def test_a_submitter_may_do_what_the_document_of_jobs_says() -> None:
    text = (ROOT.parent / "docs" / "jobs.md").read_text(encoding="utf-8")
    deletions = re.findall(r"kubectl delete (job|configmap)\b([^`]*)`", text)
    assert {kind for kind, _ in deletions} == {"job", "configmap"}
    for kind, rest in deletions:
        assert "delete" in SUBMITTER[f"{kind}s"]
        if re.search(r"(^| )(-l|--selector|--all)\b", rest):  # kubectl asks first which there are
            assert "list" in SUBMITTER[f"{kind}s"], f"{kind}{rest}"


@pytest.mark.parametrize("name", APPLIED)
def test_no_wildcards_and_nothing_for_the_whole_cluster(name: str) -> None:
    made = objects_of(name)
    assert not of_kind(made, "ClusterRole", "ClusterRoleBinding")
    for role in of_kind(made, "Role"):
        for rule in role["rules"]:
            for field in ("verbs", "resources", "apiGroups"):
                assert "*" not in rule[field], role["metadata"]["name"]


@pytest.mark.parametrize("name", APPLIED)
def test_everything_is_in_the_namespace(name: str) -> None:
    for item in objects_of(name):
        expected = None if item["kind"] == "Namespace" else "sdml"
        assert item["metadata"].get("namespace") == expected, item["metadata"]["name"]
        if name in OVERLAYS:
            assert item["metadata"]["labels"]["app.kubernetes.io/part-of"] == "sdml"


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_namespace_enforces_the_restricted_standard(name: str) -> None:
    labels = named(objects_of(name), "Namespace", "sdml")["metadata"]["labels"]
    security = {key: value for key, value in labels.items() if key.startswith("pod-security")}
    assert security == {
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/enforce-version": "v1.36",
        "pod-security.kubernetes.io/audit": "restricted",
        "pod-security.kubernetes.io/audit-version": "latest",
        "pod-security.kubernetes.io/warn": "restricted",
        "pod-security.kubernetes.io/warn-version": "latest",
    }


@pytest.mark.parametrize(
    "path",
    [p for p in sorted(ROOT.rglob("*.yaml")) if p.name != "kustomization.yaml"],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_a_file_holds_one_object_and_no_secret(path: Path) -> None:
    (document,) = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    assert document.get("kind") != "Secret"
