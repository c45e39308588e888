import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import toy_models
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.errors import ExportError
from seq2seq.serving.saved_model.tensors import DTYPES, as_array, dtype_name
from seq2seq.serving.verify.c_api import CApiModel, server_operations
from seq2seq.serving.verify.server_ops import text_libraries


@pytest.fixture(scope="module")
def good():
    with CApiModel(toy_models.good_model()) as model:
        yield model


@pytest.fixture(scope="module")
def echo(tmp_path_factory):
    """Repeats a matrix of each type."""
    specs = [tf.TensorSpec([None, None], name, name=f"{name}_in") for name in DTYPES]

    @tf.function(input_signature=specs)
    def repeat(*values):
        return {f"{name}_out": tf.identity(each) for name, each in zip(DTYPES, values, strict=True)}

    path = tmp_path_factory.mktemp("echo") / "1"
    toy_models.save_plain(path, echo=repeat)
    with CApiModel(path) as model:
        yield model


def test_the_model_answers_as_in_memory(good):
    texts = as_array([*toy_models.LINES, "", b"\xff\0"], "string")
    inputs = {"translate": {"text": texts}, "score": {"text": texts, "reference": texts[::-1]}}
    for name, each in inputs.items():
        known = toy_models.toy().functions[name](**{key: tf.constant(v) for key, v in each.items()})
        found = good.predict(name, each)
        assert found.keys() == known.keys()
        for key, value in known.items():
            if value.dtype == tf.float32:
                np.testing.assert_allclose(found[key], value.numpy(), atol=1e-5)
            else:
                assert found[key].tolist() == value.numpy().tolist()


@settings(deadline=None)
@given(st.data())
def test_values_of_every_type_and_shape_come_back_unchanged(echo, data):
    rows, columns = data.draw(st.integers(0, 3)), data.draw(st.integers(0, 3))
    integers = {name: st.integers(-(2**31), 2**31 - 1) for name in ("int32", "int64")}
    kinds = integers | {
        "string": st.binary(max_size=40),
        "float32": st.floats(width=32, allow_nan=False),
        "bool": st.booleans(),
    }
    count = rows * columns
    inputs = {
        f"{name}_in": as_array(
            data.draw(st.lists(kinds[name], min_size=count, max_size=count)), name
        ).reshape(rows, columns)
        for name in DTYPES
    }
    outputs = echo.predict("echo", inputs)
    for name in DTYPES:
        wanted, found = inputs[f"{name}_in"], outputs[f"{name}_out"]
        assert dtype_name(found) == name
        assert found.shape == (rows, columns)
        assert found.tolist() == wanted.tolist()


def test_python_accepts_the_model_saved_as_attribute_and_the_server_does_not(tmp_path):
    path = toy_models.save_as_attribute(tmp_path / "1")
    reloaded = tf.saved_model.load(str(path)).signatures["serving_default"]
    assert reloaded(text=tf.constant(["the dog"]))["translation"].shape == (1,)
    with CApiModel(path) as model, pytest.raises(ExportError, match="Could not find variable"):
        model.predict("serving_default", {"text": ["the dog"]})


def test_a_text_operation_is_known_only_from_its_library():
    path = toy_models.good_model()
    with pytest.raises(ExportError, match="not registered 'SentencepieceOp'"):
        CApiModel(path, libraries=[])
    with CApiModel(path, libraries=text_libraries(["SentencepieceOp", "Add"])):
        pass


def test_the_models_process_has_only_the_c_library():
    code = (
        "import sys, seq2seq.serving.verify.c_api_child as it; it.Requests(); print(*sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    modules = ran.stdout.split()
    assert "seq2seq.serving.verify.c_api_child" in modules
    assert not {"tensorflow", "tensorflow_text", "keras"} & set(modules)


def test_the_models_process_sees_no_gpu(good):
    with open(f"/proc/{good.process_id}/environ", "rb") as stream:
        assert b"CUDA_VISIBLE_DEVICES=-1" in stream.read().split(b"\0")


def test_xla_is_off_as_in_the_server(tmp_path):
    @tf.function(input_signature=[toy_models.TEXT])
    def compiled(text):
        count = tf.function(lambda each: each * 2, jit_compile=True)(tf.strings.length(text))
        return {"doubled": count}

    with CApiModel(toy_models.save_plain(tmp_path / "1", compiled=compiled)) as model:
        assert model.predict("serving_default", {"text": ["a"]})["translation"].tolist() == [b"A"]
        with pytest.raises(ExportError, match="XLA compilation disabled"):
            model.predict("compiled", {"text": ["a"]})


def test_a_failing_request_leaves_the_model_answering(tmp_path):
    def picky(text):
        with tf.control_dependencies([tf.debugging.assert_none_equal(text, "")]):
            return {"translation": tf.identity(text)}

    with CApiModel(toy_models.save_plain(tmp_path / "1", picky=picky)) as model:
        with pytest.raises(ExportError, match="assertion failed") as caught:
            model.predict("picky", {"text": [""]})
        assert "\n" not in str(caught.value)
        assert model.predict("picky", {"text": ["a"]})["translation"].tolist() == [b"a"]


def test_a_process_that_hangs_is_ended_in_time(tmp_path):
    def forever(text):
        (turn,) = tf.while_loop(lambda turn: turn >= 0, lambda turn: [(turn + 1) % 2], [0])
        return {"translation": tf.strings.join([text, tf.strings.as_string(turn)])}

    with CApiModel(toy_models.save_plain(tmp_path / "1", forever=forever)) as model:
        model.predict("serving_default", {"text": ["a"]})
        model.timeout = 0.5
        model.predict("serving_default", {"text": ["a"]})
        with pytest.raises(ExportError, match="no answer within 0.5 s"):
            model.predict("forever", {"text": ["a"]})
        assert not model.alive


def test_the_end_of_the_process_is_told_with_its_signal():
    with CApiModel(toy_models.good_model()) as model:
        assert model.alive
        os.kill(model.process_id, signal.SIGKILL)
        with pytest.raises(ExportError, match="ended with signal SIGKILL"):
            model.predict("translate", {"text": ["a"]})
        assert not model.alive


def test_requests_that_no_signature_takes_are_refused(good):
    with pytest.raises(ValueError, match="no signature 'translat'; there are align, score"):
        good.predict("translat", {"text": ["a"]})
    with pytest.raises(ValueError, match="score takes reference, text, not text"):
        good.predict("score", {"text": ["a"]})


def test_operations_are_those_of_a_server_without_python():
    operations = server_operations()
    assert {"StatelessWhile", "MatMul", "StringUpper"} <= operations.on_cpu
    assert "EagerPyFunc" in operations.registered - operations.on_cpu
    assert "SentencepieceOp" not in operations.registered  # though this process has it


def test_the_listed_text_operations_are_in_their_libraries():
    code = (
        "from seq2seq.serving.verify.server_ops import TEXT_LIBRARIES, text_libraries\n"
        "from seq2seq.serving.verify.c_api_child import TensorFlow\n"
        "tensorflow = TensorFlow()\n"
        "for library, ops in TEXT_LIBRARIES.items():\n"
        "    before = tensorflow.operation_lists()[0]\n"
        "    assert not any(op.encode() in before for op in ops), library\n"
        "    tensorflow.load_libraries(text_libraries(ops))\n"
        "    after = tensorflow.operation_lists()[0]\n"
        "    assert all(op.encode() in after for op in ops), library\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
