"""The manifest: what is written is read back; what is not sound is refused."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdml.errors import IntegrityError, UserError
from sdml.store import Kind, Manifest, ObjectRecord
from sdml.store.manifest import CREATED, plain

WHERE = "s3://bucket/digits/encoders/image/x/manifest.json"
KINDS_ALONE: list[Kind] = ["subspace", "report"]
KINDS_OF_A_MODALITY: list[Kind] = ["features", "encoder", "prior"]
NAMES = st.from_regex(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?", fullmatch=True)
IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", fullmatch=True)
JSONS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
RECORDS = st.builds(
    ObjectRecord,
    name=IDS.filter(lambda name: name != "manifest.json"),
    bytes=st.integers(min_value=0),
    sha256=st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
)
KINDS: st.SearchStrategy[tuple[Kind, str | None]] = st.one_of(
    st.tuples(st.sampled_from(KINDS_ALONE), st.none()),
    st.tuples(st.sampled_from(KINDS_OF_A_MODALITY), NAMES),
)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    kind, modality = draw(KINDS)
    created = draw(st.datetimes(min_value=datetime(1970, 1, 1)))
    return Manifest(
        kind=kind,
        collection=draw(NAMES),
        modality=modality,
        id=draw(IDS),
        created=created.strftime(CREATED),
        software=draw(st.text()),
        seed=draw(st.none() | st.integers(min_value=0)),
        settings=draw(st.dictionaries(st.text(), JSONS, max_size=4)),
        made_from=draw(st.dictionaries(st.text(), st.text(), max_size=3)),
        objects=tuple(draw(st.lists(RECORDS, max_size=4, unique_by=lambda r: r.name))),
    )


def example() -> dict[str, Any]:
    return {
        "schema": 1,
        "kind": "encoder",
        "collection": "digits",
        "modality": "image",
        "id": "20260131T093000000000Z-0123456789ab",
        "created": "2026-01-31T09:30:00.000000Z",
        "software": "sdml 0.1.0",
        "seed": 0,
        "settings": {"lambda": 0.5},
        "made_from": {"subspace": "subspaces/ab12"},
        "objects": [{"name": "encoder.safetensors", "bytes": 7, "sha256": "0" * 64}],
    }


def parse(fields: object) -> Manifest:
    return Manifest.from_json(json.dumps(fields).encode(), WHERE)


@given(manifests())
def test_round_trip(manifest: Manifest) -> None:
    data = manifest.to_json()
    assert Manifest.from_json(data, WHERE) == manifest
    assert Manifest.from_json(data, WHERE).to_json() == data


def test_the_example_is_sound_and_its_path_is_where_it_lies() -> None:
    assert parse(example()).path == "encoders/image/20260131T093000000000Z-0123456789ab"


def test_unknown_fields_are_ignored() -> None:
    assert parse({**example(), "later": 1}) == parse(example())


def test_every_truncation_is_refused() -> None:
    data = parse(example()).to_json().rstrip()
    for length in range(len(data)):
        with pytest.raises(IntegrityError, match="not a readable manifest"):
            Manifest.from_json(data[:length], WHERE)


@pytest.mark.parametrize("field", example())
def test_a_missing_field_is_refused(field: str) -> None:
    fields = {name: value for name, value in example().items() if name != field}
    with pytest.raises(IntegrityError, match=f"{WHERE}: .*has no '{field}'"):
        parse(fields)


@pytest.mark.parametrize("field", ["name", "bytes", "sha256"])
def test_a_missing_field_of_an_object_is_refused(field: str) -> None:
    fields = example()
    del fields["objects"][0][field]
    with pytest.raises(IntegrityError, match=f"has no '{field}'"):
        parse(fields)


OF_THE_RIGHT_TYPE: dict[str, list[Any]] = {
    "software": ["\n"],
    "seed": [None, 10**30],
    "settings": [{"a": 1}],
}


@pytest.mark.parametrize("field", example())
@pytest.mark.parametrize("value", [True, 1.5, ["x"], 10**30, {"a": 1}, "\n", None], ids=repr)
def test_a_value_of_the_wrong_type_is_refused(field: str, value: object) -> None:
    fields = {**example(), field: value}
    if value in OF_THE_RIGHT_TYPE.get(field, []):
        assert getattr(parse(fields), field) == value
    else:
        with pytest.raises(IntegrityError, match=WHERE):
            parse(fields)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"schema": "1"},
        {"schema": 1.0},
        {"kind": "model"},
        {"collection": "Digits"},
        {"collection": "../up"},
        {"modality": "a/b"},
        {"modality": None},
        {"kind": "subspace"},
        {"id": ".."},
        {"id": "a/b"},
        {"created": "2026-01-31T09:30:00Z"},
        {"created": "2026-01-31 09:30:00.000000Z"},
        {"created": "2026-13-31T09:30:00.000000Z"},
        {"created": "2026-01-31T09:30:00.000000+00:00"},
        {"objects": [{"name": "a", "bytes": -1, "sha256": "0" * 64}]},
        {"objects": [{"name": "a", "bytes": 1, "sha256": "0" * 63}]},
        {"objects": [{"name": "a", "bytes": 1, "sha256": "A" * 64}]},
        {"objects": [{"name": "a/b", "bytes": 1, "sha256": "0" * 64}]},
        {"objects": [{"name": "manifest.json", "bytes": 1, "sha256": "0" * 64}]},
        {"objects": [{"name": "a", "bytes": 1, "sha256": "0" * 64}] * 2},
        {"objects": ["a"]},
    ],
)
def test_a_value_that_is_not_allowed_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match=WHERE):
        parse({**example(), **change})


@pytest.mark.parametrize(
    "data", [b"", b"null", b"[]", b"1", b"\xff\xfe", b'{"seed": NaN}', b"[" * 100_000]
)
def test_what_is_no_manifest_at_all_is_refused(data: bytes) -> None:
    with pytest.raises(IntegrityError, match=WHERE) as caught:
        Manifest.from_json(data, WHERE)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=200) | JSONS.map(lambda value: json.dumps(value).encode()))
def test_any_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(IntegrityError):
        Manifest.from_json(data, WHERE)


def test_settings_become_what_json_gives_back() -> None:
    assert plain({"a": (1, 2), "b": {3: None}}) == {"a": [1, 2], "b": {"3": None}}


@pytest.mark.parametrize("value", [float("inf"), {1, 2}, b"x", object()])
def test_settings_that_json_cannot_hold_are_refused(value: object) -> None:
    with pytest.raises(UserError, match="settings must be what JSON can hold"):
        plain({"a": value})
