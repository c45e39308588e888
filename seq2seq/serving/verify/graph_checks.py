"""Rules a saved graph must keep so that a stock tensorflow/serving can run it on a CPU.

Each function reads the graph, or the stored weights, and runs nothing. What the rules rest on: the
server links TensorFlow's kernels and those of tensorflow-text, calls `DisableXlaCompilation` unless
told otherwise, and its REST interface and its batching take the first dimension for the batch.
"""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

from seq2seq.serving.saved_model.reader import read_meta_graph, read_signatures
from seq2seq.serving.saved_model.tensors import (
    DEFAULT_SIGNATURE,
    PREDICT_METHOD,
    Signature,
    TensorSpec,
)
from seq2seq.serving.verify.c_api import server_operations
from seq2seq.serving.verify.report import Check
from seq2seq.serving.verify.server_ops import TEXT_OPS, Operations, why_refused

VARIABLES = "variables/variables"  # prefix of the checkpoint in a SavedModel
SMALL = 1024  # bytes: counters and seeds beside the weights, and too little to tell weights apart
CONSTANT_LIKE = 2  # distinct values: initial biases are alike without being the same weight
INPUT_TYPES = ("string", "int32", "int64", "float32")
OUTPUT_TYPES = ("string", "int32", "float32")
MUST_COMPILE = "_XlaMustCompile"


def graph_checks(directory: Path, parameter_bytes: int | None = None) -> list[Check]:
    """Checks of a version directory that run nothing of the model.

    Args:
        directory: the version directory.
        parameter_bytes: size of all parameters as stored; None if it is not known.

    Raises:
        ExportError: there is no saved model, or it is damaged.
    """
    graph = read_meta_graph(directory)
    operations = check_operations(graph, server_operations())
    return [
        Check.make("operations", "the server has a CPU kernel for each", operations),
        Check.make("compilation", "no function insists on XLA", check_compilation(graph)),
        Check.make("devices", "no node is bound to another than a CPU", check_devices(graph)),
        Check.make("signatures", "gRPC, REST and batching take them", check_signatures(graph)),
        Check.make("weights", "each is stored once", check_weights(directory, parameter_bytes)),
    ]


def check_operations(meta_graph: MetaGraphDef, operations: Operations) -> Iterator[str]:
    """Every operation has a kernel in the server, and none is refused by name."""
    functions = {each.signature.name for each in meta_graph.graph_def.library.function}
    places: dict[str, list[str]] = {}
    for place, node in nodes(meta_graph):
        places.setdefault(node.op, []).append(f'"{node.name}" in {place}')
    for op, found in sorted(places.items()):
        reason = why_refused(op)
        if op in functions or op in TEXT_OPS or (reason is None and op in operations.on_cpu):
            continue
        if reason is None and op in operations.registered:
            reason = "TensorFlow has no CPU kernel for it; use another operation"
        reason = reason or "neither TensorFlow nor the tensorflow-text that servers link has it"
        yield f"{op} ({len(found)} nodes, first {found[0]}): {reason}"


def check_compilation(meta_graph: MetaGraphDef) -> Iterator[str]:
    """No function insists on XLA: such a model loads, then every call fails."""
    remedy = "the server has XLA disabled; trace without jit_compile=True"
    for function in meta_graph.graph_def.library.function:
        if MUST_COMPILE in function.attr and function.attr[MUST_COMPILE].b:
            yield f"function {function.signature.name} has {MUST_COMPILE}: {remedy}"
    for place, node in nodes(meta_graph):
        if MUST_COMPILE in node.attr and node.attr[MUST_COMPILE].b:
            yield f'node "{node.name}" in {place} has {MUST_COMPILE}: {remedy}'


def check_devices(meta_graph: MetaGraphDef) -> Iterator[str]:
    """No node is bound to a device that a CPU server lacks."""
    for place, node in nodes(meta_graph):
        try:
            device = tf.DeviceSpec.from_string(node.device)
            free = device.device_type in (None, "CPU")
        except ValueError:
            free = False
        if not free:
            message = f'node "{node.name}" in {place} is bound to {node.device!r}'
            yield f"{message}: trace without tf.device, or on a CPU"


def check_signatures(meta_graph: MetaGraphDef) -> Iterator[str]:
    """Types, shapes and names that gRPC, REST and request batching all take."""
    signatures = read_signatures(meta_graph)
    default = signatures.get(DEFAULT_SIGNATURE)
    if default is None:
        yield f"{DEFAULT_SIGNATURE} is missing; clients that name none get it"
    elif len(default.outputs) != 1:
        outputs = ", ".join(default.outputs) or "none"
        yield (
            f"{DEFAULT_SIGNATURE} has outputs {outputs}; leave one, which REST then answers as a "
            "plain list"
        )
    for signature in signatures.values():
        for message in _signature_problems(signature):
            yield f"{signature.name}: {message}"


def check_weights(directory: Path, parameter_bytes: int | None = None) -> Iterator[str]:
    """Each weight is stored once: twice doubles the download, the memory and the loading time.

    Args:
        directory: the version directory.
        parameter_bytes: size of all parameters as stored; None if it is not known.
    """
    stored = 0
    seen: dict[tuple[object, ...], str] = {}
    try:
        reader = tf.train.load_checkpoint(str(directory / VARIABLES))
        for name, dtype in sorted(reader.get_variable_to_dtype_map().items()):
            if dtype == tf.string:  # the checkpoint's own table of contents
                continue
            values = np.ascontiguousarray(reader.get_tensor(name))
            stored += values.nbytes
            if values.nbytes < SMALL:
                continue
            content = (dtype, values.shape, sha256(values.view(np.uint8).data).digest())
            first = seen.setdefault(content, name)
            if first != name and np.unique(values).size > CONSTANT_LIKE:
                yield (
                    f"{first} and {name} hold the same {values.nbytes} bytes; "
                    "track the tokenizer only, the archive finds the variables by itself"
                )
    except (tf.errors.OpError, ValueError, LookupError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        yield f"{VARIABLES} cannot be read: {reason}; export the model again"
        return
    if parameter_bytes is not None and abs(stored - parameter_bytes) > SMALL:
        remedy = "store each weight once" if stored > parameter_bytes else "keep them as variables"
        yield (
            f"{VARIABLES} holds {stored} bytes, the model's parameters have {parameter_bytes}; "
            f"{remedy}"
        )


def nodes(meta_graph: MetaGraphDef) -> Iterator[tuple[str, NodeDef]]:
    """Every node of the graph and of its functions, with the place it stands in."""
    for node in meta_graph.graph_def.node:
        yield "the graph", node
    for function in meta_graph.graph_def.library.function:
        for node in function.node_def:
            yield f"function {function.signature.name}", node


def _signature_problems(signature: Signature) -> Iterator[str]:
    if signature.method != PREDICT_METHOD:
        yield f"its method is {signature.method!r}; set it to {PREDICT_METHOD}"
    if not signature.inputs or not signature.outputs:
        yield "it needs an input and an output"
    for name in signature.inputs.keys() & signature.outputs.keys():
        yield f"input and output are both named {name!r}; rename the output"
    for name, spec in signature.inputs.items():
        yield from _tensor_problems(f"input {name!r}", spec, INPUT_TYPES)
    for name, spec in signature.outputs.items():
        yield from _tensor_problems(f"output {name!r}", spec, OUTPUT_TYPES)
        if name.endswith("_bytes"):
            yield f"output {name!r} would come as base64 over REST; drop _bytes from its name"


def _tensor_problems(what: str, spec: TensorSpec, types: tuple[str, ...]) -> Iterator[str]:
    if not spec.tensor:
        yield f"{what} is no dense tensor; convert it"
    if spec.dtype not in types:
        yield f"{what} is {spec.dtype}; cast it to one of {', '.join(types)}"
    if spec.shape is None:
        yield f"{what} has no known rank; set its shape"
    elif not spec.shape:
        yield f"{what} is a scalar; give it the batch as its first dimension"
    elif spec.shape[0] is not None:
        yield f"{what} has first dimension {spec.shape[0]}; leave it open (None), it is the batch"
