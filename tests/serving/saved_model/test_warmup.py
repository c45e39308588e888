import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.serving.saved_model.tensors import as_array, dtype_name
from seq2seq.serving.saved_model.tfrecord import decode_records, encode_records
from seq2seq.serving.saved_model.warmup import (
    MOST_REQUESTS,
    WarmupRequest,
    decode_warmup,
    encode_warmup,
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
def test_decoding_gives_back_what_was_encoded(written):
    read = decode_warmup(encode_warmup("en_de", written))
    assert len(read) == len(written)
    assert all(map(same, written, read))


def test_the_servers_own_protos_read_the_file(tmp_path):
    apis = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    path = tmp_path / "tf_serving_warmup_requests"
    path.write_bytes(encode_warmup("en_de", TWO))
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


def test_what_the_servers_own_protos_write_is_read():
    apis = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    log = apis.PredictionLog()
    log.log_metadata.sampling_config.sampling_rate = 0.5  # fields that are passed over
    log.predict_log.request.model_spec.version.value = 7
    log.predict_log.request.inputs["text"].CopyFrom(tf.make_tensor_proto(["Hallo"]))
    (read,) = decode_warmup(encode_records([log.SerializeToString()]))
    assert same(read, WarmupRequest("serving_default", {"text": as_array(["Hallo"], "string")}))


@settings(deadline=None)
@given(st.data())
def test_a_damaged_file_is_refused(data):
    whole = encode_warmup("en_de", TWO)
    assert decode_warmup(whole)
    position = data.draw(st.integers(0, len(whole) - 1))
    flipped = whole[position] ^ data.draw(st.integers(1, 255))
    with pytest.raises(ValueError, match="TFRecord|record"):
        decode_warmup(whole[:position] + bytes([flipped]) + whole[position + 1 :])


@settings(deadline=None)
@given(st.integers(1, 60))
def test_a_file_cut_short_is_refused(missing):
    whole = encode_warmup("en_de", TWO[:1])
    with pytest.raises(ValueError, match="cut short"):
        decode_warmup(whole[:-missing])


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_a_record_of_anything_is_read_or_refused(record):
    try:
        decode_warmup(encode_records([record]))
    except ValueError as error:
        assert "warm-up record 1" in str(error)


def test_a_record_without_a_request_is_refused():
    with pytest.raises(ValueError, match="warm-up record 1: no predict request"):
        decode_warmup(encode_records([b""]))


@pytest.mark.parametrize("count", [0, MOST_REQUESTS + 1])
def test_a_file_that_the_server_would_refuse_is_not_written(count):
    with pytest.raises(ValueError, match=f"{count} warm-up requests"):
        encode_warmup("en_de", TWO[:1] * count)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=5))
def test_tensorflow_reads_and_writes_the_same_records(tmp_path_factory, records):
    path = str(tmp_path_factory.mktemp("records") / "file")
    with tf.io.TFRecordWriter(path) as writer:
        for record in records:
            writer.write(record)
    with open(path, "rb") as stream:
        written = stream.read()
    assert encode_records(records) == written
    assert decode_records(written) == records


@pytest.mark.parametrize("kind", ["S", "U"])
def test_strings_that_numpy_has_cut_are_refused(kind):
    with pytest.raises(ValueError, match="fixed-width"):
        as_array(np.array(["a"], dtype=kind), "string")
    assert as_array(["a\0"], "string").tolist() == [b"a\0"]
