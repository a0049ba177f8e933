"""The package that is uploaded: the compiled pipeline without this experiment's values.

Those go with each run. Without them the package depends on the code and on the resources asked
for, so experiments share a version, and a run started in the web pages by hand can never take
another person's experiment for its default.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import yaml


@dataclass(frozen=True, kw_only=True)
class Package:
    """What is uploaded, the first digits of its sha256, and the values that go with a run."""

    content: bytes
    digest: str
    parameters: dict[str, Any]


def package_of(compiled: str) -> Package:
    """Part a compiled pipeline from the values that the experiment gives its parameters.

    Defaults that the pipeline's own code states are optional inputs, and stay. Equal pipelines
    give equal bytes; KFP's header comment, which repeats all values, goes too.
    """
    documents: list[dict[str, Any]] = list(yaml.safe_load_all(compiled))
    inputs = documents[0]["root"].get("inputDefinitions", {}).get("parameters", {})
    parameters = {}
    for name, declaration in inputs.items():
        if "defaultValue" in declaration:
            parameters[name] = declaration["defaultValue"]
            if not declaration.get("isOptional"):
                del declaration["defaultValue"]
    content = yaml.safe_dump_all(documents, sort_keys=True, width=2**20).encode()
    digest = hashlib.sha256(content).hexdigest()[:12]
    return Package(content=content, digest=digest, parameters=parameters)
