from __future__ import annotations

import json
import math

import pytest

from sdml.tracking.events import (
    Artifact,
    Dataset,
    Event,
    Finish,
    Metric,
    Metrics,
    Params,
    Tags,
    from_record,
    to_record,
)

EVENTS: list[Event] = [
    Params(values={"lambda": "0.5"}),
    Metrics(values=(Metric(name="a", value=-math.inf, step=3, time=7),)),
    Tags(values={"modality": "bild 🖼"}),
    Artifact(name="f/report.html", data=b"\x00\xff"),
    Dataset(name="d", digest="1", source="s3://b/k", context="training"),
    Finish(status="killed", time=9),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_survives_json(event: Event) -> None:
    record = json.loads(json.dumps(to_record(event)))
    data = event.data if isinstance(event, Artifact) else b""
    assert from_record(record, data) == event


def test_nan_survives_json() -> None:
    event = Metrics(values=(Metric(name="a", value=math.nan, step=0, time=0),))
    back = from_record(json.loads(json.dumps(to_record(event))))
    assert isinstance(back, Metrics)
    assert math.isnan(back.values[0].value)
