"""What the server says of its model: versions with their states, and signatures, as JSON."""

from collections.abc import Iterable
from typing import Any

from seq2seq.serving.server.rest_json import encode
from seq2seq.serving.server.servable import ServedModel, TensorSpec
from seq2seq.serving.server.versions import VersionStatus

METHOD = "tensorflow/serving/predict"
DTYPES = {"float32": "DT_FLOAT", "float64": "DT_DOUBLE", "float16": "DT_HALF"}  # others: DT_INT32


def write_statuses(statuses: Iterable[VersionStatus]) -> bytes:
    """The body of a model status."""
    written = [
        {
            "version": str(each.version),
            "state": each.state,
            "status": {
                "error_code": each.code.name if each.code else "OK",
                "error_message": each.message,
            },
        }
        for each in statuses
    ]
    return encode({"model_version_status": written})


def write_metadata(name: str, version: int, model: ServedModel) -> bytes:
    """The body of a model's metadata: its signatures."""
    signatures = {
        signature_name: {
            "inputs": {key: _tensor_info(spec) for key, spec in signature.inputs.items()},
            "outputs": {key: _tensor_info(spec) for key, spec in signature.outputs.items()},
            "method_name": METHOD,
        }
        for signature_name, signature in sorted(model.signatures.items())
    }
    return encode(
        {
            "model_spec": {"name": name, "signature_name": "", "version": str(version)},
            "metadata": {"signature_def": {"signature_def": signatures}},
        }
    )


def dtype_in_protos(dtype: str) -> str:
    """The name of a type in TensorFlow's protos."""
    return DTYPES.get(dtype, f"DT_{dtype.upper()}")


def _tensor_info(spec: TensorSpec) -> dict[str, Any]:
    sizes = [{"size": str(size), "name": ""} for size in spec.shape or ()]
    return {
        "dtype": dtype_in_protos(spec.dtype),
        "tensor_shape": {"dim": sizes, "unknown_rank": spec.shape is None},
        "name": spec.tensor_name,
    }
