"""gRPC for TensorFlow Serving's Predict, GetModelMetadata and GetModelStatus."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import unquote

import grpc
import numpy as np
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef, TensorInfo
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.apis.model_pb2 import ModelSpec

from seq2seq.config.serving import ServerConfig
from seq2seq.errors import ServerError
from seq2seq.serving.saved_model.tensors import (
    DEFAULT_SIGNATURE,
    Arrays,
    Signature,
    TensorSpec,
    tensor_from_proto,
    tensor_to_proto,
)
from seq2seq.serving.server.batching import Batcher
from seq2seq.serving.server.errors import LONGEST_MESSAGE, Code, RequestError, invalid, listed
from seq2seq.serving.server.guards.access_log import begin
from seq2seq.serving.server.guards.bounded_health import BoundedHealth
from seq2seq.serving.server.guards.client_limits import ClientLimits, TooMany
from seq2seq.serving.server.guards.tokens import Tokens
from seq2seq.serving.server.metrics import Metrics
from seq2seq.serving.server.servable import DEEPEST, LARGE_ANSWER, check_names, find_signature
from seq2seq.serving.server.served_models import ServedModels
from seq2seq.serving.server.versions import LoadedVersion

logger = logging.getLogger(__name__)
METADATA_FIELD = "signature_def"
VALUE_FIELDS = [each for each in TensorProto.DESCRIPTOR.fields_by_name if each.endswith("_val")]
HEALTH_SERVICES = (  # TensorFlow Serving's names, the full ones, and the server as a whole
    *("", "PredictionService", "ModelService"),
    *("tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"),
)


class _Call:
    """State of a call while it is answered."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.signature = ""


class GrpcInterface(
    prediction_service_pb2_grpc.PredictionServiceServicer,
    model_service_pb2_grpc.ModelServiceServicer,
):
    """Both services, with the methods that the protos name.

    Args:
        models: by name.
        batcher: runs them.
        metrics: are told of every answer.
        client_limits: count every call of a client.
        config: how many values an input tensor may have, and whether calls are logged.
        tokens: of which every call needs one, if there are any.
    """

    def __init__(
        self,
        models: ServedModels,
        batcher: Batcher,
        metrics: Metrics,
        client_limits: ClientLimits,
        config: ServerConfig,
        tokens: Tokens | None = None,
    ) -> None:
        self._models = models
        self._tokens = tokens
        self._batcher = batcher
        self._metrics = metrics
        self._client_limits = client_limits
        self._most_values = config.limits.max_values
        self._access_log = config.access_log

    async def Predict(self, request: Any, context: Any) -> Any:
        """Runs a signature."""
        return await self._answer(self._predict, request, context)

    async def GetModelMetadata(self, request: Any, context: Any) -> Any:
        """Describes the signatures."""
        return await self._answer(self._describe, request, context)

    async def GetModelStatus(self, request: Any, context: Any) -> Any:
        """Tells the states of versions."""
        return await self._answer(self._tell_statuses, request, context)

    async def Classify(self, request: Any, context: Any) -> Any:
        """Refuses the call, as the three below do."""
        return await self._answer(_refuse, request, context)

    Regress = MultiInference = HandleReloadConfigRequest = Classify

    async def _predict(self, request: Any, context: Any, call: _Call) -> Any:
        self._batcher.refuse_overload()
        found = self._find(request.model_spec)
        name = request.model_spec.signature_name or DEFAULT_SIGNATURE
        signature = find_signature(found.model, name)
        call.signature = name
        check_names(signature, request.inputs)
        inputs = {
            key: read_input(key, tensor, self._most_values)
            for key, tensor in request.inputs.items()
        }
        wanted = set(request.output_filter) or set(signature.outputs)
        if not wanted <= set(signature.outputs):
            strange = listed(wanted - set(signature.outputs))
            raise invalid(f"output tensor alias not found in signature: {strange}")
        left = context.time_remaining()
        outputs = await self._batcher.predict(found.model, name, inputs, left)
        response = predict_pb2.PredictResponse(model_spec=_spec(request.model_spec, found, name))
        picked = {key: outputs[key] for key in wanted}
        if sum(array.size for array in picked.values()) < LARGE_ANSWER:
            _write_outputs(response, picked)
        else:
            await asyncio.to_thread(_write_outputs, response, picked)
        return response

    async def _describe(self, request: Any, context: Any, call: _Call) -> Any:
        if list(request.metadata_field) != [METADATA_FIELD]:
            raise invalid(f"metadata_field must be {METADATA_FIELD!r}")
        found = self._find(request.model_spec)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        for name, signature in found.model.signatures.items():
            signatures.signature_def[name].CopyFrom(_signature_def(signature))
        response = get_model_metadata_pb2.GetModelMetadataResponse(
            model_spec=_spec(request.model_spec, found)
        )
        response.metadata[METADATA_FIELD].Pack(signatures)
        return response

    async def _tell_statuses(self, request: Any, context: Any, call: _Call) -> Any:
        response = get_model_status_pb2.GetModelStatusResponse()
        spec = request.model_spec
        version = spec.version.value if spec.HasField("version") else None
        for status in self._models.statuses(spec.name, version):
            told = response.model_version_status.add(version=status.version)
            told.state = get_model_status_pb2.ModelVersionStatus.State.Value(status.state)
            told.status.error_code = status.code.number if status.code else 0
            told.status.error_message = status.message
        return response

    def _find(self, spec: ModelSpec) -> LoadedVersion:
        version = spec.version.value if spec.HasField("version") else None
        return self._models.find(spec.name, version, spec.version_label or None)

    async def _answer(
        self,
        work: Callable[[Any, Any, _Call], Awaitable[Any]],
        request: Any,
        context: Any,
    ) -> Any:
        """The response of `work`, or its error as a status; counted."""
        call = _Call()
        client = _address(context.peer())
        exchange = begin(client, "GRPC", type(request).__name__)
        code, message = Code.CANCELLED.name, ""  # unless one of the following is reached
        try:
            with self._client_limits.request(client):
                if self._tokens:
                    metadata = dict(context.invocation_metadata())
                    self._tokens.check_header(str(metadata.get("authorization", "")))
                response = await work(request, context, call)
            code = "OK"
            return response
        except TooMany as error:
            code, message = Code.RESOURCE_EXHAUSTED.name, str(error)
        except RequestError as error:
            code, message = error.code.name, str(error)
        except Exception as error:
            logger.exception("a gRPC call failed")
            code, message = Code.INTERNAL.name, f"internal error: {error}"
        finally:
            self._metrics.answered("grpc", call.signature, code, call.started)
            if self._access_log:
                exchange.log(code, self._models.name_of)
        await context.abort(grpc.StatusCode[code], message[:LONGEST_MESSAGE])


class GrpcServer:
    """The listening server; not healthy until a version of each model is loaded."""

    def __init__(self, interface: GrpcInterface, config: ServerConfig) -> None:
        self._config = config
        self._interface = interface
        self._health = BoundedHealth()
        self._server: grpc.aio.Server | None = None
        self.address = ""

    async def start(self) -> None:
        """Starts to listen.

        Raises:
            ServerError: the port is taken.
        """
        config = self._config
        server = grpc.aio.server(
            options=[
                ("grpc.so_reuseport", 0),  # a port that is taken is an error
                ("grpc.max_receive_message_length", config.limits.max_body),
            ],
            maximum_concurrent_rpcs=config.limits.max_connections,
        )
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(self._interface, server)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(self._interface, server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        host = f"[{config.host}]" if ":" in config.host else config.host
        try:
            port = server.add_insecure_port(f"{host}:{config.grpc_port}")
        except RuntimeError as error:
            raise ServerError(
                f"cannot listen at {host} port {config.grpc_port} for gRPC: {error}; "
                "choose another port"
            ) from None
        await self._be(health_pb2.HealthCheckResponse.NOT_SERVING)
        await server.start()
        self._server = server
        self.address = f"{host}:{port}"

    async def ready(self) -> None:
        """Says that every model is loaded."""
        await self._be(health_pb2.HealthCheckResponse.SERVING)

    async def stop(self, grace: float) -> None:
        """Ends what is under way, for `grace` seconds at most."""
        await self._be(health_pb2.HealthCheckResponse.NOT_SERVING)
        await self._health.end()
        if self._server:
            await self._server.stop(grace)

    async def _be(self, status: int) -> None:
        for service in HEALTH_SERVICES:
            await self._health.set(service, status)


def _address(peer: str) -> str:
    """The address in gRPC's name of a client.

    >>> _address("ipv4:192.0.2.7:5000"), _address("ipv6:%5B::1%5D:5000")
    ('192.0.2.7', '::1')
    """
    return unquote(peer).partition(":")[2].rpartition(":")[0].strip("[]")


async def _refuse(request: Any, context: Any, call: _Call) -> Any:
    raise RequestError(Code.UNIMPLEMENTED, "only Predict is served here")


def _spec(asked: ModelSpec, found: LoadedVersion, signature: str = "") -> ModelSpec:
    spec = ModelSpec(name=asked.name, signature_name=signature)
    spec.version.value = found.version
    return spec


def read_input(name: str, tensor: TensorProto, most: int) -> np.ndarray:
    """The array of an input.

    Args:
        name: of the input, for errors.
        tensor: as a client sent it; one value may stand for all.
        most: values an input may have, since a small message can ask for any number.

    Raises:
        RequestError: INVALID_ARGUMENT for a tensor that contradicts itself or is too large.
    """
    if len(tensor.tensor_shape.dim) > DEEPEST:
        raise invalid(f"input {name} has more than {DEEPEST} dimensions")
    sizes = [each.size for each in tensor.tensor_shape.dim]
    if tensor.tensor_shape.unknown_rank or any(size < 0 for size in sizes):
        raise invalid(f"input {name} has an unknown shape")
    given = max(len(getattr(tensor, field)) for field in VALUE_FIELDS)
    if max(given, math.prod(size or 1 for size in sizes)) > most:
        raise invalid(f"input {name} has more than {most} values")
    try:
        return tensor_from_proto(tensor)
    except ValueError as error:
        raise invalid(f"input {name} is no tensor: {error}") from None


def _write_outputs(response: Any, outputs: Arrays) -> None:
    for name, array in outputs.items():
        response.outputs[name].CopyFrom(tensor_to_proto(array))


def _signature_def(signature: Signature) -> SignatureDef:
    """A signature as a model's metadata have it."""
    return SignatureDef(
        inputs=_infos(signature.inputs),
        outputs=_infos(signature.outputs),
        method_name=signature.method,
    )


def _infos(specs: Mapping[str, TensorSpec]) -> dict[str, TensorInfo]:
    return {
        name: TensorInfo(
            name=spec.tensor,
            dtype=tf.as_dtype(spec.dtype).as_datatype_enum,
            tensor_shape=tf.TensorShape(spec.shape).as_proto(),
        )
        for name, spec in specs.items()
    }
