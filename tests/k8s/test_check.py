"""The tool behind ``make manifests`` finds what it is there to find."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from k8s.check import __main__ as tool
from k8s.check.kustomizations import build_all, kustomizations, objects, render
from k8s.check.scan import IGNORED, findings
from k8s.check.schemas import VERSIONS, problems_of
from sdml.errors import SDMLError, UserError
from tests.k8s.manifests import ALL, objects_of

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: probe, namespace: sdml}
spec:
  containers:
    - name: main
      image: example.com/probe:1.0
      securityContext: {privileged: true}
"""


def config_map(**changes: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, **changes}


def folder_with(folder: Path, kustomization: str, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kustomization.yaml").write_text(kustomization)
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


def test_a_valid_object_has_no_problems() -> None:
    assert problems_of(config_map(data={"a": "1"})) == []


def test_an_unknown_field_is_refused_by_every_version() -> None:
    problems = problems_of(config_map(dta={"a": "1"}))
    assert [line.split()[3] for line in problems] == [f"{version}:" for version in VERSIONS]
    assert all("'dta' was unexpected" in line for line in problems)


def test_a_wrong_type_is_refused() -> None:
    (problem,) = problems_of(config_map(data={"a": 1}), ("1.36",))
    assert "data.a" in problem


def test_an_unknown_kind_is_refused_and_a_known_custom_kind_is_not() -> None:
    unknown = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}}
    (problem,) = problems_of(unknown, ("1.36",))
    assert "has no Thing of example.com/v1" in problem
    queue = {"apiVersion": "kueue.x-k8s.io/v1beta2", "kind": "LocalQueue", "metadata": {}}
    assert problems_of(queue) == []
    assert problems_of({**queue, "apiVersion": "kueue.x-k8s.io/v1alpha1"}, ("1.36",))


def test_an_object_without_a_kind_is_refused() -> None:
    assert problems_of({"apiVersion": "v1", "metadata": {}}) == ["an object has no kind"]


def test_trivy_finds_a_privileged_container() -> None:
    found = findings({"some/overlay": POD}, ignored=None)
    assert found
    assert all(line.startswith("some/overlay: HIGH ") for line in found)


def test_every_finding_left_out_has_a_reason() -> None:
    for entry in yaml.safe_load(IGNORED.read_text(encoding="utf-8"))["misconfigurations"]:
        assert len(entry["statement"].split()) > 10, entry["id"]


def test_without_kubectl_the_tool_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="kubectl must be on PATH"):
        render(tmp_path)
    assert tool.main() == 2
    assert "install it" in capsys.readouterr().err


def test_a_folder_that_cannot_be_built(tmp_path: Path) -> None:
    objects_of("base")
    folder_with(tmp_path / "a", "resources: [missing.yaml]\n")
    with pytest.raises(SDMLError, match=r"missing\.yaml"):
        build_all(kustomizations(tmp_path))


def test_a_component_that_nobody_uses_must_build_alone(tmp_path: Path) -> None:
    objects_of("base")
    kind = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
    folder_with(
        tmp_path / "part",
        f"{kind}patches: [{{path: patch.yaml}}]\n",
        patch="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {b: c}\n",
    )
    with pytest.raises(SDMLError, match="part"):
        build_all(kustomizations(tmp_path))
    folder_with(
        tmp_path / "whole",
        "resources: [map.yaml]\ncomponents: [../part]\n",
        map="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
    )
    built = build_all(kustomizations(tmp_path))
    assert set(built) == {"whole"}
    assert objects(built["whole"])[0]["data"] == {"b": "c"}


def test_a_folder_without_kustomizations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="must hold kustomizations"):
        kustomizations(tmp_path)


def test_a_problem_ends_with_exit_code_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    objects_of("base")
    folder_with(tmp_path / "a", "resources: [pod.yaml]\n", pod=POD + "  nodeNmae: a\n")
    monkeypatch.setattr(tool, "kustomizations", lambda: kustomizations(tmp_path))
    assert tool.main() == 1
    errors = capsys.readouterr().err
    assert "nodeNmae" in errors
    assert "HIGH" in errors


def test_building_blocks_are_told_from_what_is_applied() -> None:
    applied = {item.name: item.applied for item in ALL}
    assert applied["overlays/trial"]
    assert applied["jobs/example"]
    assert not applied["base"]
    assert not applied["components/mlflow"]
