import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest
import tensorflow as tf
from fake_server import serving, strings

from seq2seq.errors import ExportError
from seq2seq.serving.saved_model.warmup import WARMUP_FILE, WarmupRequest, write_warmup
from seq2seq.serving.server.errors import Code, RequestError
from seq2seq.serving.server.saved_model_loader import load_saved_model


class Shouting(tf.Module):
    """Upper-cases ASCII, counts bytes, and fails where it is told to."""

    def __init__(self):
        super().__init__()
        self.runs = tf.Variable(0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def translate(self, text):
        clean = tf.debugging.assert_none_equal(text, "poison", message="poisoned")
        with tf.control_dependencies([clean, self.runs.assign_add(1)]):
            return {"translation": tf.strings.upper(text)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def count(self, text):
        return {
            "length": tf.strings.length(text),
            "runs": tf.fill([tf.size(text)], self.runs),
            "half": tf.cast(tf.strings.length(text), tf.float32) / 2,
        }


def save(folder, warmup=()):
    module = Shouting()
    signatures = {"serving_default": module.translate, "count": module.count}
    tf.saved_model.save(module, str(folder), signatures=signatures)
    if warmup:
        requests = [WarmupRequest(name, {"text": strings(texts)}) for name, texts in warmup]
        write_warmup(folder / WARMUP_FILE, "seq2seq", requests)
    return folder


def test_a_saved_model_is_served_as_it_was_saved(tmp_path):
    save(tmp_path / "1", warmup=[("serving_default", [b"x"]), ("count", [b"x", b"y"])])
    with serving(tmp_path, loader=load_saved_model) as server:
        texts = ["", "a\0", {"b64": "YbH/"}, "ü" * 1000]
        expected = ["", "A\0", {"b64": "QbH/"}, "ü" * 1000]
        assert server.predict({"instances": texts}) == (200, {"predictions": expected})
        body = {"signature_name": "count", "instances": ["abc"]}
        outputs = {"length": 3, "half": 1.5, "runs": 2}  # one of the warm-up, one of the test
        assert server.predict(body)[1] == {"predictions": [outputs]}
        metadata = server.request("GET", "/v1/models/seq2seq/metadata")[2]["metadata"]
        signatures = metadata["signature_def"]["signature_def"]
        assert set(signatures) == {"serving_default", "count"}
        text = signatures["count"]["inputs"]["text"]
        assert text["name"] == "count_text:0" and text["dtype"] == "DT_STRING"
        assert text["tensor_shape"] == {
            "dim": [{"size": "-1", "name": ""}],
            "unknown_rank": False,
        }
        status, content = server.predict({"instances": ["poison"]})
        assert status == 400 and content["error"].startswith("assertion failed: [poisoned]")
        assert server.predict({"inputs": []}) == (200, {"outputs": []})


def test_errors_of_tensorflow_keep_their_code(tmp_path):
    model = load_saved_model(save(tmp_path / "1"))
    with pytest.raises(RequestError, match="poisoned") as error:
        model.predict("serving_default", {"text": strings([b"poison"])})
    assert error.value.code is Code.INVALID_ARGUMENT


def test_a_version_whose_warm_up_fails_is_not_served(tmp_path):
    folder = save(tmp_path / "1", warmup=[("count", [b"a"]), ("serving_default", [b"poison"])])
    with pytest.raises(
        ValueError, match=r"warm-up request 2 fails: assertion failed: \[poisoned\]"
    ):
        load_saved_model(folder)
    (folder / WARMUP_FILE).unlink()
    load_saved_model(folder)  # the warm-up alone was wrong


def test_a_damaged_model_is_not_served(tmp_path):
    folder = save(tmp_path / "1")
    (folder / "saved_model.pb").write_bytes(b"damaged")
    with pytest.raises(ExportError, match="saved_model.pb is damaged"):
        load_saved_model(folder)
