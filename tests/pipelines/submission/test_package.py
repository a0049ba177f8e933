from __future__ import annotations

import pytest
import yaml

from pipelines.submission.package import package_of

# As kfp's compiler writes it, in small.
COMPILED = """\
# PIPELINE DEFINITION
# Name: p
# Inputs:
#    text: str [Default: 'TEXT']
#    times: int [Default: 2.0]
components:
  comp-say: {executorLabel: exec-say}
deploymentSpec:
  executors:
    exec-say: {container: {image: i}}
pipelineInfo:
  name: p
root:
  dag: {tasks: {say: {componentRef: {name: comp-say}}}}
  inputDefinitions:
    parameters:
      text:
        defaultValue: TEXT
        parameterType: STRING
      times:
        defaultValue: 2.0
        isOptional: true
        parameterType: NUMBER_INTEGER
schemaVersion: 2.1.0
"""


def compiled_with(text: str) -> str:
    return COMPILED.replace("TEXT", text)


@pytest.fixture
def compiled() -> str:
    return compiled_with("hello")


def test_values_are_parted_from_the_pipeline(compiled: str) -> None:
    package = package_of(compiled)
    assert package.parameters == {"text": "hello", "times": 2}
    [document] = yaml.safe_load_all(package.content)
    assert document["root"]["inputDefinitions"]["parameters"] == {
        "text": {"parameterType": "STRING"},
        "times": {"parameterType": "NUMBER_INTEGER", "isOptional": True, "defaultValue": 2.0},
    }
    assert b"hello" not in package.content


def test_the_digest_is_that_of_the_pipeline_alone(compiled: str) -> None:
    package, other = package_of(compiled), package_of(compiled_with("adieu"))
    assert (other.content, other.digest) == (package.content, package.digest)
    assert other.parameters["text"] == "adieu"
    assert package_of(compiled.replace("image: i", "image: j")).digest != package.digest
    assert len(package.digest) == 12


def test_the_platform_part_belongs_to_it(compiled: str) -> None:
    package = package_of(f"{compiled}---\nplatforms: {{kubernetes: {{}}}}\n")
    assert package.digest != package_of(compiled).digest
    assert len(list(yaml.safe_load_all(package.content))) == 2


def test_a_pipeline_without_parameters() -> None:
    package = package_of("components: {}\nroot: {dag: {}}\n")
    assert package.parameters == {}
