import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import grpc
import numpy as np
import pytest
import tensorflow as tf
from fake_server import (
    ShoutingModel,
    counted,
    free_port,
    load_by_prefix,
    serving,
    strings,
    wait_for_queue,
    write_versions,
)
from grpc_health.v1 import health_pb2, health_pb2_grpc
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from seq2seq.errors import ServerError
from seq2seq.serving.server.errors import Code, RequestError
from seq2seq.serving.server.grpc_api import read_input
from seq2seq.serving.server.guards.bounded_health import MOST_WATCHERS

Status = grpc.StatusCode


class Stubs:
    """What a client makes of a channel."""

    def __init__(self, channel):
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(channel)
        self.health = health_pb2_grpc.HealthStub(channel)

    def predict(self, inputs, signature="", **options):
        """Arrays for arrays."""
        response = self.prediction.Predict(request_of(inputs, signature, **options), timeout=20)
        outputs = {name: tf.make_ndarray(each) for name, each in response.outputs.items()}
        return outputs, response.model_spec


def request_of(inputs, signature="", name="seq2seq", version=None, label="", outputs=()):
    request = predict_pb2.PredictRequest(output_filter=outputs)
    request.model_spec.name = name
    request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    if label:
        request.model_spec.version_label = label
    for key, array in inputs.items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(array, shape=array.shape))
    return request


def refused(call, *arguments, **named):
    """Code and message of a call that must fail."""
    with pytest.raises(grpc.RpcError) as error:
        call(*arguments, **named)
    return error.value.code(), error.value.details()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("models"), ShoutingModel(), grpc_port=0) as running:
        yield running


@pytest.fixture(scope="module")
def stubs(server):
    with grpc.insecure_channel(server.grpc) as channel:
        yield Stubs(channel)


@given(st.lists(st.binary(), max_size=6))
@settings(deadline=None, max_examples=30)
def test_any_bytes_are_answered_as_by_rest(server, stubs, texts):
    outputs, spec = stubs.predict({"text": strings(texts)})
    assert list(outputs["translation"]) == [text.upper() for text in texts]
    assert (spec.name, spec.version.value, spec.signature_name) == ("seq2seq", 1, "serving_default")


def test_numbers_keep_their_type_and_shape(stubs):
    inputs = {"left": np.array([[1, 2], [3, 4]], np.int32), "right": np.array([0.5, 1], np.float32)}
    outputs, _ = stubs.predict(inputs, "add")
    assert outputs["sum"].dtype == np.float32
    assert outputs["sum"].tolist() == [[1.5, 2.5], [4.0, 5.0]]


def test_outputs_can_be_picked(stubs):
    inputs = {"text": strings([b"ab"])}
    outputs, _ = stubs.predict(inputs, "translate", outputs=["score"])
    assert list(outputs) == ["score"]
    wrong = refused(stubs.predict, inputs, "translate", outputs=["scores"])
    assert wrong == (
        Status.INVALID_ARGUMENT,
        "output tensor alias not found in signature: scores",
    )


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ({"name": "other"}, Status.NOT_FOUND, "Servable not found for request: Latest(other)"),
        ({"version": 9}, Status.NOT_FOUND, "Specific(seq2seq, 9)"),
        ({"label": "stable"}, Status.NOT_FOUND, "version label: stable"),
        ({"signature": "x"}, Status.INVALID_ARGUMENT, '"x" not found in signature def'),
        ({"signature": "add"}, Status.INVALID_ARGUMENT, "expected the inputs left, right"),
    ],
)
def test_what_is_not_there_has_its_status(stubs, options, code, message):
    got, details = refused(stubs.predict, {"text": strings([b"a"])}, **options)
    assert got is code and message in details


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        ({"dtype": tf.int32.as_datatype_enum}, "input text has type int32 instead of string"),
        ({"dtype": 7, "tensor_shape": {"dim": [{"size": -1}]}}, "has an unknown shape"),
        ({"dtype": 7, "tensor_shape": {"dim": [{"size": 10**9}]}}, "has more than"),
        ({"dtype": 7, "tensor_shape": {"dim": [{"size": 0}, {"size": 2**62}]}}, "has more than"),
        ({"dtype": 7, "string_val": [b"a", b"b"]}, "input text is no tensor"),
        ({"dtype": 9999}, "input text is no tensor"),
        ({"dtype": 1, "tensor_content": b"abc"}, "input text is no tensor"),
        ({"dtype": 7, "string_val": [b""] * 100_001}, "has more than 100000 values"),
        ({"dtype": 7, "tensor_shape": {"dim": [{"size": 1}] * 33}}, "more than 32 dimensions"),
        ({"dtype": 20}, "input text is no tensor: type 20 holds no values"),
        ({"dtype": 21, "tensor_shape": {"dim": [{"size": 1}]}}, "type 21 holds no values"),
    ],
)
def test_a_tensor_that_is_none_is_refused(stubs, tensor, message):
    request = request_of({})
    request.inputs["text"].CopyFrom(TensorProto(**tensor))
    code, details = refused(stubs.prediction.Predict, request)
    assert (code, message in details) == (Status.INVALID_ARGUMENT, True), details


tensor_protos = st.builds(
    TensorProto,
    dtype=st.integers(0, 130),
    tensor_shape=st.lists(st.integers(-1, 3), max_size=3).map(
        lambda sizes: {"dim": [{"size": size} for size in sizes]}
    ),
    tensor_content=st.binary(max_size=9),
    string_val=st.lists(st.binary(max_size=3), max_size=3),
    int_val=st.lists(st.integers(-(2**31), 2**31 - 1), max_size=3),
    float_val=st.lists(st.floats(width=32), max_size=3),
)


@given(tensor_protos)
@settings(deadline=None, max_examples=300)
def test_no_tensor_is_worse_than_refused(tensor):
    try:
        read_input("text", tensor, 1000)
    except RequestError as error:
        assert error.code is Code.INVALID_ARGUMENT


def test_a_tensor_of_fewer_values_repeats_the_last(stubs):
    request = request_of({})
    shape = {"dim": [{"size": 3}]}
    request.inputs["text"].CopyFrom(TensorProto(dtype=7, tensor_shape=shape))
    outputs = stubs.prediction.Predict(request).outputs
    assert tf.make_ndarray(outputs["translation"]).tolist() == [b"", b"", b""]


def test_metadata_and_status_are_told(stubs):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "seq2seq"
    response = stubs.prediction.GetModelMetadata(request)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    letters = signatures.signature_def["letters"]
    assert letters.method_name == "tensorflow/serving/predict"
    assert [each.size for each in letters.outputs["letters"].tensor_shape.dim] == [-1, -1]
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "seq2seq"
    (status,) = stubs.models.GetModelStatus(request).model_version_status
    assert (status.version, status.state, status.status.error_code) == (1, status.AVAILABLE, 0)
    request.model_spec.name = "other"
    assert refused(stubs.models.GetModelStatus, request)[0] is Status.NOT_FOUND


def test_what_is_not_served_says_so(stubs):
    classify = stubs.prediction.Classify, classification_pb2.ClassificationRequest()
    reload = stubs.models.HandleReloadConfigRequest, model_management_pb2.ReloadConfigRequest()
    for call, request in (classify, reload):
        assert refused(call, request) == (Status.UNIMPLEMENTED, "only Predict is served here")


def check_health(address, service=""):
    with grpc.insecure_channel(address) as channel:
        grpc.channel_ready_future(channel).result(timeout=20)
        request = health_pb2.HealthCheckRequest(service=service)
        return Stubs(channel).health.Check(request).status


def test_health_follows_the_model(tmp_path):
    address = f"127.0.0.1:{free_port()}"
    asked = []

    def load(folder):
        asked.append(check_health(address))
        with grpc.insecure_channel(address) as channel:
            asked.append(refused(Stubs(channel).predict, {"text": strings([b"a"])})[0])
        return load_by_prefix(folder)

    write_versions(tmp_path, 1)
    port = int(address.rpartition(":")[2])
    with serving(tmp_path, loader=load, grpc_port=port) as server:
        for service in ("", "PredictionService", "tensorflow.serving.ModelService"):
            assert check_health(server.grpc, service) == health_pb2.HealthCheckResponse.SERVING
    assert asked == [health_pb2.HealthCheckResponse.NOT_SERVING, Status.UNAVAILABLE]


def test_who_watches_health_is_told_the_end_and_holds_up_no_stop(tmp_path):
    with serving(tmp_path, ShoutingModel(), grpc_port=0) as server:
        channel = grpc.insecure_channel(server.grpc)
        health = Stubs(channel).health
        watching = [health.Watch(health_pb2.HealthCheckRequest()) for _ in range(MOST_WATCHERS)]
        for each in watching:
            assert next(each).status == health_pb2.HealthCheckResponse.SERVING
        code, message = refused(next, health.Watch(health_pb2.HealthCheckRequest()))
        assert (code, message) == (Status.RESOURCE_EXHAUSTED, "32 calls watch already")
        began = time.monotonic()
    assert time.monotonic() - began < 10  # requests under way are given 30 seconds
    for each in watching:
        assert [told.status for told in each] == [health_pb2.HealthCheckResponse.NOT_SERVING]
    channel.close()


def test_overload_and_deadlines_have_their_status(tmp_path):
    model = ShoutingModel()
    batching = {"queue": 1, "max_delay": 0}
    with serving(tmp_path, model, grpc_port=0, batching=batching) as server:
        with grpc.insecure_channel(server.grpc) as channel:
            stubs = Stubs(channel)
            request = request_of({"text": strings([b"a"])})
            model.gate.clear()
            running = stubs.prediction.Predict.future(request)
            assert model.running.acquire(timeout=10)
            code, _ = refused(stubs.prediction.Predict, request, timeout=0.2)
            assert code is Status.DEADLINE_EXCEEDED
            wait_for_queue(server, 0)
            waiting = stubs.prediction.Predict.future(request)
            wait_for_queue(server, 1)
            assert refused(stubs.prediction.Predict, request)[0] is Status.UNAVAILABLE
            model.gate.set()
            for call in (running, waiting):
                outputs = call.result(timeout=20).outputs
                assert tf.make_ndarray(outputs["translation"]).tolist() == [b"A"]
            page = server.request("GET", "/monitoring/prometheus/metrics")[2]
    answers = counted(page, "seq2seq_requests_total")
    assert answers['api="grpc",code="OK",signature="serving_default"'] == 2
    assert answers['api="grpc",code="UNAVAILABLE",signature=""'] == 1


def test_calls_and_messages_beyond_the_limits_have_their_status(tmp_path):
    model = ShoutingModel()
    limits = {"max_connections": 2, "max_body": 1000}
    batching = {"max_batch": 1}
    with serving(tmp_path, model, grpc_port=0, limits=limits, batching=batching) as server:
        with grpc.insecure_channel(server.grpc) as channel:
            stubs = Stubs(channel)
            request, large = (request_of({"text": strings([b"a" * size])}) for size in (1, 2000))
            code, _ = refused(stubs.prediction.Predict, large, timeout=20)
            assert code is Status.RESOURCE_EXHAUSTED
            model.gate.clear()
            running = [stubs.prediction.Predict.future(request) for _ in range(2)]
            wait_for_queue(server, 1)  # one runs, the other waits
            code, _ = refused(stubs.prediction.Predict, request, timeout=20)
            assert code is Status.RESOURCE_EXHAUSTED
            model.gate.set()
            for call in running:
                assert call.result(timeout=20).outputs


@pytest.mark.parametrize("times", [1, 2])
def test_a_stop_lets_calls_under_way_finish_and_a_second_one_does_not(tmp_path, times):
    model = ShoutingModel()
    finished = times == 1
    with serving(tmp_path, model, grpc_port=0, grace=1000, finished=finished) as server:
        with grpc.insecure_channel(server.grpc) as channel:
            model.gate.clear()
            call = Stubs(channel).prediction.Predict.future(request_of({"text": strings([b"a"])}))
            assert model.running.acquire(timeout=10)
            for _ in range(times):
                server.stop()
            if finished:
                model.gate.set()
                outputs = call.result(timeout=20).outputs
                assert tf.make_ndarray(outputs["translation"]).tolist() == [b"A"]
            else:
                assert call.exception(timeout=20).code() is Status.UNAVAILABLE
                server.thread.join(20)


def test_a_port_that_is_taken_is_one_line(tmp_path, server):
    port = int(server.grpc.rpartition(":")[2])
    with pytest.raises(ServerError, match=f"cannot listen at 127.0.0.1 port {port} for gRPC"):
        with serving(tmp_path, ShoutingModel(), grpc_port=port):
            pass
