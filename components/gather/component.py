"""Gather as a Kubeflow task: the encoders of a loop as one artifact for the next loop.

A loop cannot take another loop's collected outputs, but it can take one artifact.
"""

from typing import List, Optional  # noqa: UP035  (KFP reads these forms of the annotation)

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def gather(
    encoders: dsl.Input[List[dsl.Model]],  # noqa: UP006
    gathered: dsl.Output[dsl.Artifact],
    before: Optional[dsl.Input[dsl.Artifact]] = None,  # noqa: UP045
) -> None:
    """Write the records of all trained encoders into one JSON list.

    Args:
        encoders: of one loop; each file holds one record, or a list of them.
        gathered: the list.
        before: the list of another loop, to which this one's are added.
    """
    import json
    from pathlib import Path

    records = json.loads(Path(before.path).read_text()) if before else []
    for encoder in encoders:
        found = json.loads(Path(encoder.path).read_text())
        records += found if isinstance(found, list) else [found]
    Path(gathered.path).write_text(json.dumps(records))
