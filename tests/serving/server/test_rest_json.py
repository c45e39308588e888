import json
import tracemalloc

import numpy as np
import pytest
from fake_server import ShoutingModel, strings
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies

from seq2seq.serving.server.errors import Code, RequestError
from seq2seq.serving.server.rest_json import (
    parse_predict,
    to_array,
    to_json,
    write_error,
    write_predictions,
)

MODEL = ShoutingModel()
MOST_VALUES = 200_000
DTYPES = ("bool", "int8", "uint8", "int32", "uint32", "int64", "uint64", "float32", "float64")


def parse(document):
    return parse_predict(json.dumps(document).encode(), MODEL, MOST_VALUES)


def refused(body, code=Code.INVALID_ARGUMENT):
    """Why a body is refused."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(RequestError) as error:
        parse_predict(body, MODEL, MOST_VALUES)
    assert error.value.code is code
    return str(error.value)


@st.composite
def tensors(draw):
    shape = draw(numpy_strategies.array_shapes(min_dims=1, max_dims=3, max_side=3))
    dtype = draw(st.sampled_from([*DTYPES, "string"]))
    if dtype != "string":
        return draw(numpy_strategies.arrays(dtype, shape))
    count = int(np.prod(shape))
    return strings(draw(st.lists(st.binary(), min_size=count, max_size=count))).reshape(shape)


@given(tensors())
@settings(deadline=None)
def test_every_tensor_survives_json(array):
    dtype = "string" if array.dtype == object else array.dtype.name
    read = to_array(json.loads(json.dumps(to_json("output", array))), dtype)
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)


@given(st.lists(st.binary(), max_size=5))
@settings(deadline=None)
def test_strings_are_the_same_bytes_by_row_and_by_column(texts):
    written = to_json("text", strings(texts))
    by_column = parse({"inputs": {"text": written}})
    assert list(by_column.inputs["text"]) == texts
    if texts:
        by_row = parse({"instances": [{"text": each} for each in written]})
        plain = parse({"instances": written})
        assert list(by_row.inputs["text"]) == list(plain.inputs["text"]) == texts
        assert by_row.by_row and not by_column.by_row


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["text", "b64", "left", "right"]), inner)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["instances", "inputs", "signature_name", "x"]), json_values),
    st.sampled_from(["serving_default", "add"]),
)
@settings(deadline=None)
def test_no_document_is_worse_than_refused(document, signature):
    document.setdefault("signature_name", signature)
    body = json.dumps(document).encode(errors="surrogatepass")
    try:
        parse_predict(body, MODEL, MOST_VALUES)
    except RequestError as error:
        assert json.loads(write_error(str(error)))["error"]


@given(st.binary(max_size=40))
@settings(deadline=None)
def test_no_bytes_are_worse_than_refused(body):
    with pytest.raises(RequestError):
        parse_predict(body, MODEL, MOST_VALUES)


def count(value):
    """Values in a document, itself counted."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return 1 + sum(map(count, inner))


def too_many(body, most):
    try:
        parse_predict(body, MODEL, most)
    except RequestError as error:
        return "values in one request" in str(error)
    return False


@given(json_values, st.booleans())
@settings(deadline=None)
def test_values_are_counted_whatever_text_is_beside_them(value, ascii_only):
    body = json.dumps({"inputs": value}, ensure_ascii=ascii_only).encode(errors="surrogatepass")
    values = count(value) + 1
    assert not too_many(body, 2 * values)
    assert too_many(body, values - 2)


def test_text_of_separators_is_one_value():
    for text in (',[{"' * 1000, '\\",' * 1000, "\\\\", 'a"' * 999):
        body = json.dumps({"instances": [text, {"b64": ""}]}).encode()
        assert not too_many(body, 4) and too_many(body, 3)


DEEP = b'{"text":' * 500 + b"1" + b"}" * 500


@pytest.mark.parametrize("before", [b'{"inputs": %s}', b'{"instances": ["a", %s]}'])
def test_values_of_any_depth_are_refused(before):
    for depth in range(700, 1000, 2):  # up to what Python can read, and beyond
        refused(before % (b'{"text":' * depth + b"1" + b"}" * depth))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"inputs": %s}' % DEEP, "is not of expected type: string"),
        (b'{"inputs": {"text": [%s]}}' % DEEP, "is not of expected type: string"),
        (b'{"inputs": {"text": [["a"], %s]}}' % DEEP, "where its neighbours are lists"),
        (b'{"instances": [%s]}' % DEEP, "is not of expected type: string"),
        (b'{"instances": [{%s}]}' % b",".join(b'"%d": 1' % n for n in range(9999)), "has keys 0"),
        (b'{"inputs": {"%s": 1}}' % (b"x" * 99_999), "'inputs' has keys xxx"),
        (b'{"instances": [1], "signature_name": "%s"}' % (b"x" * 99_999), "not found in signature"),
        (b'{"instances": [1], "%s": 1}' % (b"x" * 99_999), "unknown key 'xxx"),
        (b'{"instances": [%s]}' % (b"1" * 4000), "is not of expected type: string"),
    ],
    ids=range(9),
)
def test_an_error_is_short_however_deep_or_long_a_value_is(body, message):
    reason = refused(body)
    assert message in reason and len(reason) < 1200


def test_instances_of_several_inputs_become_columns():
    rows = [{"left": [1, 2], "right": 0.5}, {"right": -1, "left": [3, 4]}]
    inputs = parse({"signature_name": "add", "instances": rows}).inputs
    assert inputs["left"].tolist() == [[1, 2], [3, 4]] and inputs["left"].dtype == np.int32
    assert inputs["right"].tolist() == [0.5, -1.0] and inputs["right"].dtype == np.float32


def test_an_empty_column_has_the_dimensions_of_its_input():
    document = {"signature_name": "add", "inputs": {"left": [], "right": []}}
    assert parse(document).inputs["left"].shape == (0, 2)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The document is empty"),
        (b"{", "JSON Parse error: Expecting property name"),
        (b'{"instances": ["\xff"]}', "can't decode byte 0xff"),
        (b"[" * 100_000, "JSON Parse error: "),
        (b'{"instances": [1' + b"0" * 5000 + b"]}", "JSON Parse error: "),
        (b'{"instances": ["\\ud800"]}', "a surrogate stands alone"),
        ([1], "is not object"),
        ({"instances": []}, "No values in 'instances' array"),
        ({"instances": "text"}, "Expecting 'instances' to be an list/array"),
        ({}, "Missing 'inputs' or 'instances' key"),
        ({"instances": ["a"], "inputs": ["a"]}, "only one of 'inputs' or 'instances'"),
        ({"instances": ["a"], "signature": "x"}, "unknown key 'signature'"),
        ({"instances": ["a"], "signature_name": 1}, "'signature_name' key must be a string"),
        ({"instances": ["a"], "signature_name": "x"}, '"x" not found in signature def'),
        ({"instances": [1]}, "input text: JSON Value: 1 is not of expected type: string"),
        ({"instances": [None]}, "JSON Value: None is not of expected type: string"),
        ({"instances": [{"b64": "?"}]}, "Unable to base64 decode"),
        ({"instances": ["a", ["b"]]}, "found a list where its neighbours are values"),
        ({"instances": [["a"], "b"]}, "found 'b' where its neighbours are lists"),
        ({"instances": [["a"], ["b", "c"]]}, "a list of 2 where its neighbours have 1"),
        ({"instances": ["a", {"text": "b"}]}, "element 0 of 'instances' is no object"),
        ({"instances": [{"text": "a", "beam": 1}]}, "element 0 of 'instances' has keys beam, text"),
        ({"inputs": {"txt": ["a"]}}, "'inputs' has keys txt; keys must be equal to: text"),
        ({"inputs": [1], "signature_name": "add"}, "expecting an object of left, right"),
        ({"instances": [1], "signature_name": "add"}, "the inputs are left, right"),
    ],
)
def test_a_wrong_body_is_refused_with_its_reason(body, message):
    assert message in refused(body)


@pytest.mark.parametrize(
    ("left", "right", "message"),
    [
        ([1.0, 2], 0, "left: JSON Value: 1.0 is not of expected type: int32"),
        ([True, 2], 0, "left: JSON Value: True is not of expected type: int32"),
        ([2**31, 2], 0, "left: JSON Value: 2147483648 is not of expected type: int32"),
        ([1, 2], 2**24 + 1, "right: Cannot convert JSON value: 16777217 to float32 without loss"),
        ([1, 2], 1e39, "right: Cannot convert JSON value: 1e+39 to float32 without loss"),
        ([1, 2], "0", "right: JSON Value: '0' is not of expected type: float32"),
    ],
)
def test_numbers_must_fit_their_type(left, right, message):
    rows = [{"left": left, "right": right}]
    assert message in refused({"signature_name": "add", "instances": rows})


def test_floats_are_written_as_short_as_they_can_be_read_back():
    values = np.array([0.1, 1.0, 3e-5, np.nan, -np.inf], np.float32)
    assert write_predictions({"score": values}, by_row=True) == (
        b'{"predictions": [0.1, 1.0, 3e-05, NaN, -Infinity]}'
    )


@pytest.mark.parametrize("by_row", [True, False])
def test_a_large_answer_is_written_row_by_row(by_row):
    """All its numbers as text or as Python's would take 25 MB and more at once."""
    outputs = {"alignment": np.full((50, 4000), 0.1, np.float32), "b": np.zeros(50, np.int32)}
    tracemalloc.start()
    written = write_predictions(outputs, by_row)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(written) > 9e5
    assert peak < 12e6


def test_an_answer_has_the_form_of_its_request():
    outputs = {"b": np.array([1, 2], np.int32), "a": strings([b"x", b"\xc3\xbc"])}
    assert json.loads(write_predictions(outputs, by_row=True)) == {
        "predictions": [{"a": "x", "b": 1}, {"a": "ü", "b": 2}]
    }
    assert json.loads(write_predictions(outputs, by_row=False)) == {
        "outputs": {"a": ["x", "ü"], "b": [1, 2]}
    }
    assert write_predictions({"a": outputs["b"]}, by_row=False) == b'{"outputs": [1, 2]}'


def test_bytes_that_are_no_text_are_written_as_b64():
    outputs = {"a": strings([b"\xff", b"ok"])}
    assert json.loads(write_predictions(outputs, by_row=True)) == {
        "predictions": [{"b64": "/w=="}, "ok"]
    }
    named = {"a_bytes": strings([b"ok"])}
    assert json.loads(write_predictions(named, by_row=True)) == {"predictions": [{"b64": "b2s="}]}


def test_outputs_of_different_lengths_have_no_rows():
    outputs = {"a": np.zeros(2, np.int32), "b": np.zeros(3, np.int32)}
    with pytest.raises(RequestError, match="inconsistent batch size"):
        write_predictions(outputs, by_row=True)
    assert json.loads(write_predictions(outputs, by_row=False))["outputs"]["b"] == [0, 0, 0]


def test_types_without_a_json_form_are_not_implemented():
    with pytest.raises(RequestError, match="output a of type float16") as error:
        write_predictions({"a": np.zeros(1, np.float16)}, by_row=True)
    assert error.value.code is Code.UNIMPLEMENTED
