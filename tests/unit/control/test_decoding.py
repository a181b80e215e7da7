"""Decoding object by object: hostile ones become stubs, the others are served."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimator_operator.kube.decoding import (
    MOST_LEVELS,
    UNREADABLE,
    UndecodableError,
    _members,
    _parts,
    decode_event,
    decode_list,
    decode_object,
)

DEEP = [150, 199, 250, 950, 1_000, 3_000, 9_000]


def job(name: str, levels: int, **spec: object) -> bytes:
    """A job whose params are so deep, with the managedFields that the server writes for it."""
    fields = '{"f:a":' * levels + "{}" + "}" * levels
    metadata = {"name": name, "namespace": "default", "uid": f"uid-{name}", "resourceVersion": "7"}
    head = json.dumps(metadata)[:-1] + f',"managedFields":[{{"fieldsV1":{fields}}}]}}'
    params = '{"a":' * levels + "1" + "}" * levels
    spec_text = json.dumps(spec)[1:-1]
    spec_text = f"{spec_text}," if spec_text else ""
    return (
        f'{{"apiVersion":"estimator.dev/v1","kind":"EstimatorJob","metadata":{head},'
        f'"spec":{{{spec_text}"params":{params}}},"status":{{"observedGeneration":3}}}}'
    ).encode()


@pytest.mark.parametrize("levels", DEEP)
async def test_an_object_of_any_depth_is_read_or_a_stub(levels):
    found = await decode_object(job("a", levels, managedBy="else"))
    assert found["metadata"]["name"] == "a"
    assert found["metadata"]["resourceVersion"] == "7"
    assert found["spec"]["managedBy"] == "else"
    assert found["status"] == {"observedGeneration": 3}
    assert (UNREADABLE in found) is (levels > MOST_LEVELS - 10)
    json.dumps(found)


@pytest.mark.parametrize("levels", DEEP)
async def test_one_deep_object_does_not_spoil_the_list(levels):
    items = b",".join([job("a", 3), job("b", levels), job("c", 3)])
    text = b'{"metadata":{"resourceVersion":"9","continue":"x"},"items":[' + items + b"]}"
    found = await decode_list(text)
    assert found["metadata"] == {"resourceVersion": "9", "continue": "x"}
    assert [one["metadata"]["name"] for one in found["items"]] == ["a", "b", "c"]
    assert found["items"][0]["spec"]["params"] == {"a": {"a": {"a": 1}}}
    assert UNREADABLE not in found["items"][2]


@pytest.mark.parametrize("levels", [3, *DEEP])
async def test_events_of_deep_objects_are_told(levels):
    found = await decode_event(b'{"type":"MODIFIED","object":' + job("a", levels) + b"}\n")
    assert found["type"] == "MODIFIED"
    assert found["object"]["metadata"]["uid"] == "uid-a"


async def test_a_number_that_python_does_not_read_is_that_objects_affair():
    text = b'{"items":[{"metadata":{"name":"a","uid":"u"},"spec":{"n":' + b"9" * 5000 + b"}}]}"
    (found,) = (await decode_list(text))["items"]
    assert "not JSON" in found[UNREADABLE]


@pytest.mark.parametrize("text", [b"", b"<html>", b"[]", b"3", b'{"a":', b'{"a":[1,2}', b'"x"', b"\xff\xfe"])
async def test_what_is_no_object_is_refused(text):
    with pytest.raises(UndecodableError):
        await decode_object(text)
    with pytest.raises(UndecodableError):
        await decode_event(text)


@pytest.mark.parametrize(
    "text", [b"{}", b'{"type":1,"object":{}}', b'{"type":"ADDED","object":[]}', b'{"type":"ADDED"}']
)
async def test_what_is_no_event_is_refused(text):
    with pytest.raises(UndecodableError):
        await decode_event(text)


async def test_an_object_without_a_name_is_left_out_of_a_list():
    deep = b'{"a":' * 3000 + b"1" + b"}" * 3000
    found = await decode_list(b'{"items":[' + deep + b"," + job("b", 3) + b"]}")
    assert [one["metadata"]["name"] for one in found["items"]] == ["b"]


@pytest.mark.parametrize("end", [b"", b"}", b"]", b"]]}", b"]}x", b"]}{}"])
async def test_a_list_that_was_cut_off_is_no_list(end):
    """Taken for a shorter one it would say that the rest is gone."""
    with pytest.raises(UndecodableError):
        await decode_list(b'{"metadata":{},"items":[' + job("a", 3000) + end)


@pytest.mark.parametrize(
    "text", [b"{}", b'{"kind":"Status"}', b'{"items":3}', b'{"items":{}}', b"<html>", b""]
)
async def test_what_has_no_items_is_no_list(text):
    with pytest.raises(UndecodableError):
        await decode_list(text)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(['"', "\\", "{,[", "}]"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(), VALUES), st.sampled_from([None, 1]), st.booleans())
def test_members_are_what_the_decoder_finds(value, indent, ascii_only):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert {key: json.loads(part) for key, part in _members(text).items()} == value


@settings(max_examples=50, deadline=None)
@given(st.lists(VALUES))
def test_parts_are_what_the_decoder_finds(value):
    assert [json.loads(part) for part in _parts(json.dumps(value).encode())] == value
