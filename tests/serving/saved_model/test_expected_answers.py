import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.serving.saved_model.expected_answers import (
    Answer,
    Expected,
    decode_expected,
    encode_expected,
    first_difference,
)
from seq2seq.serving.saved_model.tensors import as_array, tensor_from_json, tensor_to_json


def test_padding_is_told_from_content():
    tokens = {"tokens": as_array([["a", "b"], ["c", ""]], "string")}
    wider = {"tokens": as_array([["a", "b", "x"], ["c", "", "y"]], "string")}
    lengths = {"length": as_array([2, 1], "int32")}
    assert first_difference(tokens, wider, 0)
    assert first_difference(tokens | lengths, wider | lengths, 0) is None
    shorter = lengths | {"length": as_array([1, 1], "int32")}
    assert first_difference(tokens | lengths, wider | shorter, 0)

    one = {"pieces": as_array([[1.0, 2.0]], "float32")}
    assert first_difference(one, {"pieces": as_array([[1.0, 2.0, 0.0, 0.0]], "float32")}, 0) is None
    assert first_difference(one, {"pieces": as_array([[1.0, 2.0, 0.0, 3.0]], "float32")}, 0)
    assert first_difference(one, {"pieces": as_array([[1.0, 2.5, 0.0, 0.0]], "float32")}, 0.1)


@pytest.mark.parametrize(
    "known, found",
    [
        (as_array(["a\0"], "string"), as_array(["a"], "string")),
        (as_array([1], "int32"), as_array([1], "float32")),
        (as_array([1], "int32"), as_array([1, 1], "int32")),
        (as_array([1.0], "float32"), as_array([np.nan], "float32")),
        (as_array([np.inf], "float32"), as_array([1.0], "float32")),
    ],
)
def test_answers_that_differ_in_little_differ(known, found):
    assert first_difference({"value": known}, {"value": found}, 1e-4)
    assert first_difference({"value": known}, {"value": known.copy()}, 0) is None
    assert first_difference({"value": known}, {}, 0) == "there is no output value"


strings = st.lists(st.one_of(st.binary(max_size=9), st.text(max_size=9)), max_size=4)
floats = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=4)


@settings(deadline=None)
@given(strings, floats)
def test_expected_answers_are_read_as_they_were_written(texts, scores):
    inputs = {"text": as_array(texts, "string")}
    outputs = {"score": as_array(scores, "float32"), "length": as_array([[1], [2]], "int32")}
    written = Expected((Answer("translate", inputs, outputs),), 1e-3, 99)
    read = decode_expected(encode_expected(written))
    assert (read.float_tolerance, read.parameter_bytes) == (1e-3, 99)
    (answer,) = read.answers
    assert answer.signature == "translate"
    for before, after in ((inputs, answer.inputs), (outputs, answer.outputs)):
        assert first_difference(before, after, 0) is None
        assert all(after[name].dtype == before[name].dtype for name in before)


def test_tensors_that_cannot_be_written_or_read_are_refused():
    with pytest.raises(ValueError, match="'float64' is none of"):
        tensor_to_json(np.zeros(2))
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode_expected(Expected((Answer("a", {}, {"score": as_array([np.nan], "float32")}),)))
    good = {"dtype": "int32", "shape": [2], "values": [1, 2]}
    assert tensor_from_json(good).tolist() == [1, 2]
    bad = {
        "reshape": {"shape": [3]},
        "invalid literal": {"values": ["a", "b"]},
        "out of bounds": {"values": [2**40, 0]},
        "not a tensor of dtype, shape and values": {"dtype": "string"},
        "is none of string, int32": {"dtype": "half"},
    }
    for message, change in bad.items():
        with pytest.raises(ValueError, match=message):
            tensor_from_json(good | change)
