"""``python -m k8s.check``: build, validate and scan every kustomization. Needs no cluster."""

from __future__ import annotations

import json
import sys

from k8s.check.kustomizations import Kustomization, build_all, kustomizations, objects
from k8s.check.scan import findings
from k8s.check.schemas import VERSIONS, problems_of
from sdml.errors import SDMLError


def check(found: list[Kustomization]) -> list[str]:
    """All problems of the kustomizations, one line each; a line about each goes to standard output.

    Raises:
        UserError: kubectl or trivy is not installed.
        SDMLError: a kustomization cannot be built, or trivy failed.
    """
    built = build_all(found)
    problems = []
    seen = set()
    for name, text in built.items():
        made = objects(text)
        sys.stdout.write(f"{name}: {len(made)} objects\n")
        for item in made:
            if (content := json.dumps(item, sort_keys=True)) not in seen:
                seen.add(content)
                problems += [f"{name}: {line}" for line in problems_of(item)]
    applied = {item.name for item in found if item.applied}
    problems += findings({name: text for name, text in built.items() if name in applied})
    return problems


def main() -> int:
    """Check this folder.

    Returns:
        The exit code: 0 when nothing is wrong, 1 when something is, 2 when a program is missing.
    """
    try:
        found = kustomizations()
        problems = check(found)
    except SDMLError as error:
        sys.stderr.write(f"k8s.check: error: {error}\n")
        return error.exit_code
    for line in problems:
        sys.stderr.write(f"k8s.check: error: {line}\n")
    if problems:
        return 1
    sys.stdout.write(
        f"{len(found)} kustomizations are valid for Kubernetes {VERSIONS[0]} to {VERSIONS[-1]}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
