import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.framework.types_pb2 import DT_RESOURCE, DT_VARIANT

from seq2seq.serving.saved_model.tensors import as_array, dtype_name
from seq2seq.serving.saved_model.warmup import (
    MOST_REQUESTS,
    WarmupRequest,
    read_warmup,
    write_warmup,
)

arrays = st.one_of(
    st.lists(st.binary(max_size=20), max_size=4).map(lambda each: as_array(each, "string")),
    *(
        st.lists(st.integers(-1000, 1000), max_size=4).map(
            lambda each, dtype=dtype: as_array(each, dtype)
        )
        for dtype in ("int32", "int64", "float32")
    ),
    st.lists(st.integers(0, 9), min_size=6, max_size=6).map(
        lambda each: as_array(each, "int32").reshape(2, 3)
    ),
)
requests = st.builds(
    WarmupRequest, st.text(min_size=1), st.dictionaries(st.text(), arrays, max_size=3)
)
TWO = [
    WarmupRequest("serving_default", {"text": as_array(["Hallo", b"\xff\0"], "string")}),
    WarmupRequest("translate_ids", {"ids": as_array([[1, 2, 300]], "int32")}),
]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Of a warm-up file, written over by each example."""
    return tmp_path_factory.mktemp("warmup") / "requests"


def write_records(path, *records):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


def read_bytes(path, content):
    path.write_bytes(content)
    return read_warmup(path)


def same(one: WarmupRequest, other: WarmupRequest) -> bool:
    return (
        one.signature == other.signature
        and one.inputs.keys() == other.inputs.keys()
        and all(
            dtype_name(one.inputs[name]) == dtype_name(other.inputs[name])
            and one.inputs[name].shape == other.inputs[name].shape
            and np.array_equal(one.inputs[name], other.inputs[name])
            for name in one.inputs
        )
    )


@settings(deadline=None)
@given(st.lists(requests, min_size=1, max_size=4))
def test_reading_gives_back_what_was_written(path, written):
    write_warmup(path, "en_de", written)
    read = read_warmup(path)
    assert len(read) == len(written)
    assert all(map(same, written, read))


def test_the_servers_own_protos_read_the_file(path):
    apis = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    write_warmup(path, "en_de", TWO)
    logs = [
        apis.PredictionLog.FromString(record.numpy())
        for record in tf.data.TFRecordDataset(str(path))
    ]
    assert [log.WhichOneof("log_type") for log in logs] == ["predict_log", "predict_log"]
    found = [log.predict_log.request for log in logs]
    assert [each.model_spec.name for each in found] == ["en_de", "en_de"]
    assert [each.model_spec.signature_name for each in found] == [each.signature for each in TWO]
    assert tf.make_ndarray(found[0].inputs["text"]).tolist() == [b"Hallo", b"\xff\0"]
    assert tf.make_ndarray(found[1].inputs["ids"]).tolist() == [[1, 2, 300]]


@settings(deadline=None)
@given(requests)
def test_the_bytes_are_those_of_the_servers_own_protos(path, request):
    apis = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    log = apis.PredictionLog()
    log.predict_log.request.model_spec.name = "en_de"
    log.predict_log.request.model_spec.signature_name = request.signature
    for name, array in request.inputs.items():
        tensor = tf.make_tensor_proto(array, dtype_name(array), array.shape)
        log.predict_log.request.inputs[name].CopyFrom(tensor)
    write_warmup(path, "en_de", [request])
    (record,) = tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    assert record == log.SerializeToString(deterministic=True)


def test_what_the_servers_own_protos_write_is_read(path):
    apis = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    log = apis.PredictionLog()
    log.log_metadata.sampling_config.sampling_rate = 0.5  # fields that are passed over
    log.predict_log.request.model_spec.version.value = 7
    log.predict_log.request.inputs["text"].CopyFrom(tf.make_tensor_proto(["Hallo"]))
    write_records(path, log.SerializeToString())
    (read,) = read_warmup(path)
    assert same(read, WarmupRequest("serving_default", {"text": as_array(["Hallo"], "string")}))


@settings(deadline=None)
@given(st.data())
def test_a_damaged_file_is_refused(path, data):
    write_warmup(path, "en_de", TWO)
    assert read_warmup(path)
    whole = path.read_bytes()
    position = data.draw(st.integers(0, len(whole) - 1))
    flipped = whole[position] ^ data.draw(st.integers(1, 255))
    with pytest.raises(ValueError, match="TFRecord|record"):
        read_bytes(path, whole[:position] + bytes([flipped]) + whole[position + 1 :])


@settings(deadline=None)
@given(st.integers(1, 60))
def test_a_file_cut_short_is_refused(path, missing):
    write_warmup(path, "en_de", TWO[:1])
    with pytest.raises(ValueError, match="cut short"):
        read_bytes(path, path.read_bytes()[:-missing])


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_a_record_of_anything_is_read_or_refused(path, record):
    write_records(path, record)
    try:
        read_warmup(path)
    except ValueError as error:
        assert "warm-up record 1" in str(error)


def test_a_record_without_a_request_is_refused(path):
    write_records(path, b"")
    with pytest.raises(ValueError, match="warm-up record 1: no predict request"):
        read_warmup(path)


@pytest.mark.parametrize("dtype", [DT_RESOURCE, DT_VARIANT, 9999])
def test_a_tensor_without_values_is_refused(path, dtype):
    inputs = field(2, field(1, b"text") + field(2, TensorProto(dtype=dtype).SerializeToString()))
    write_records(path, field(6, field(1, inputs)))
    with pytest.raises(ValueError, match="warm-up record 1: "):
        read_warmup(path)


def field(number, content):
    """A short field as protobuf writes it: its number and kind, its length, its bytes."""
    return bytes([number << 3 | 2, len(content)]) + content


@pytest.mark.parametrize("count", [0, MOST_REQUESTS + 1])
def test_a_file_that_the_server_would_refuse_is_not_written(tmp_path, count):
    with pytest.raises(ValueError, match=f"{count} warm-up requests"):
        write_warmup(tmp_path / "requests", "en_de", TWO[:1] * count)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["S", "U"])
def test_strings_that_numpy_has_cut_are_refused(kind):
    with pytest.raises(ValueError, match="fixed-width"):
        as_array(np.array(["a"], dtype=kind), "string")
    assert as_array(["a\0"], "string").tolist() == [b"a\0"]
