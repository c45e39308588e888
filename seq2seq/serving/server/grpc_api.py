"""gRPC for TensorFlow Serving's Predict, GetModelMetadata and GetModelStatus."""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.apis.model_pb2 import ModelSpec

from seq2seq.serving.server.batching import Batcher
from seq2seq.serving.server.errors import Code, RequestError, invalid
from seq2seq.serving.server.metrics import Metrics
from seq2seq.serving.server.servable import DEFAULT_SIGNATURE, find_signature
from seq2seq.serving.server.tensor_protos import from_proto, to_proto, to_signature_def
from seq2seq.serving.server.versions import LoadedVersion, ModelVersions

logger = logging.getLogger(__name__)

METADATA_FIELD = "signature_def"
LONGEST_MESSAGE = 1000  # characters: messages travel in headers


class _Call:
    """What is known of a call while it is answered."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.signature = ""


class GrpcInterface(
    prediction_service_pb2_grpc.PredictionServiceServicer,
    model_service_pb2_grpc.ModelServiceServicer,
):
    """Both services, with the methods that the protos name.

    Args:
        versions: of the model.
        batcher: runs it.
        metrics: are told of every answer.
        most_values: an input tensor may have.
    """

    def __init__(
        self, versions: ModelVersions, batcher: Batcher, metrics: Metrics, most_values: int
    ) -> None:
        self._versions = versions
        self._batcher = batcher
        self._metrics = metrics
        self._most_values = most_values

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
        """Is not served, like the three below."""
        return await self._answer(_refuse, request, context)

    Regress = MultiInference = HandleReloadConfigRequest = Classify

    async def _predict(self, request: Any, context: Any, call: _Call) -> Any:
        self._batcher.refuse_overload()
        found = self._find(request.model_spec)
        name = request.model_spec.signature_name or DEFAULT_SIGNATURE
        signature = find_signature(found.model, name)
        call.signature = name
        inputs = {
            key: from_proto(key, tensor, self._most_values)
            for key, tensor in request.inputs.items()
        }
        wanted = set(request.output_filter) or set(signature.outputs)
        if not wanted <= set(signature.outputs):
            strange = ", ".join(sorted(wanted - set(signature.outputs)))
            raise invalid(f"output tensor alias not found in signature: {strange}")
        left = context.time_remaining()
        outputs = await self._batcher.predict(found.model, name, inputs, left)
        response = predict_pb2.PredictResponse(model_spec=_spec(request.model_spec, found, name))
        for key in wanted:
            response.outputs[key].CopyFrom(to_proto(outputs[key]))
        return response

    async def _describe(self, request: Any, context: Any, call: _Call) -> Any:
        if list(request.metadata_field) != [METADATA_FIELD]:
            raise invalid(f"metadata_field must be {METADATA_FIELD!r}")
        found = self._find(request.model_spec)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        for name, signature in found.model.signatures.items():
            signatures.signature_def[name].CopyFrom(to_signature_def(signature))
        response = get_model_metadata_pb2.GetModelMetadataResponse(
            model_spec=_spec(request.model_spec, found)
        )
        response.metadata[METADATA_FIELD].Pack(signatures)
        return response

    async def _tell_statuses(self, request: Any, context: Any, call: _Call) -> Any:
        response = get_model_status_pb2.GetModelStatusResponse()
        spec = request.model_spec
        version = spec.version.value if spec.HasField("version") else None
        for status in self._versions.statuses(spec.name, version):
            told = response.model_version_status.add(version=status.version)
            told.state = get_model_status_pb2.ModelVersionStatus.State.Value(status.state)
            told.status.error_code = status.code.number if status.code else 0
            told.status.error_message = status.message
        return response

    def _find(self, spec: ModelSpec) -> LoadedVersion:
        version = spec.version.value if spec.HasField("version") else None
        return self._versions.find(spec.name, version, spec.version_label or None)

    async def _answer(
        self,
        work: Callable[[Any, Any, _Call], Awaitable[Any]],
        request: Any,
        context: Any,
    ) -> Any:
        """What `work` returns, or its error as a status; counted."""
        call = _Call()
        code, message = Code.CANCELLED.name, ""  # unless one of the following is reached
        try:
            response = await work(request, context, call)
            code = "OK"
            return response
        except RequestError as error:
            code, message = error.code.name, str(error)
        except Exception as error:
            logger.exception("a gRPC call failed")
            code, message = Code.INTERNAL.name, f"internal error: {error}"
        finally:
            self._metrics.answered("grpc", call.signature, code, call.started)
        await context.abort(grpc.StatusCode[code], message[:LONGEST_MESSAGE])


async def _refuse(request: Any, context: Any, call: _Call) -> Any:
    raise RequestError(Code.UNIMPLEMENTED, "only Predict is served here")


def _spec(asked: ModelSpec, found: LoadedVersion, signature: str = "") -> ModelSpec:
    spec = ModelSpec(name=asked.name, signature_name=signature)
    spec.version.value = found.version
    return spec
