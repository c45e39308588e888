"""The process in which `CApiModel` loads a model: one request in, one answer out, over a pipe.

Started as `python -m seq2seq.serving.verify.c_api_child DESCRIPTOR`; ends when the other side
closes.

TensorFlow's C library is called by ctypes: its `TF_LoadSessionFromSavedModel` is the C++
`LoadSavedModel` of the server. Python's own loader is more lenient (it accepts models whose
variables the server does not find), so only this one tells whether a server can run a model. This
file imports neither tensorflow nor tensorflow_text: what they register in Python, a server lacks.
"""

import ctypes
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from ctypes import POINTER, c_char_p, c_int, c_int64, c_size_t, c_void_p
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

STRING, STRING_BYTES = 7, 24  # TF_STRING, and sizeof(TF_TString)
DTYPES = {1: "float32", 3: "int32", STRING: "object", 9: "int64", 10: "bool"}
NUMBERS = {name: number for number, name in DTYPES.items()}
DISABLE_XLA = "_ZN10tensorflow21DisableXlaCompilationEv"  # what the server's main() calls


class Buffer(ctypes.Structure):
    """TF_Buffer."""

    _fields_ = [("data", c_void_p), ("length", c_size_t), ("deallocator", c_void_p)]


class Output(ctypes.Structure):
    """TF_Output: one output of a node."""

    _fields_ = [("operation", c_void_p), ("index", c_int)]


FUNCTIONS = {  # result, then arguments
    "TF_NewStatus": (c_void_p,),
    "TF_GetCode": (c_int, c_void_p),
    "TF_Message": (c_char_p, c_void_p),
    "TF_LoadLibrary": (c_void_p, c_char_p, c_void_p),
    "TF_GetAllOpList": (POINTER(Buffer),),
    "TF_GetAllRegisteredKernels": (POINTER(Buffer), c_void_p),
    "TF_NewGraph": (c_void_p,),
    "TF_NewSessionOptions": (c_void_p,),
    "TF_LoadSessionFromSavedModel": (
        *(c_void_p, c_void_p, c_void_p, c_char_p, POINTER(c_char_p), c_int),
        *(c_void_p, c_void_p, c_void_p),
    ),
    "TF_GraphOperationByName": (c_void_p, c_void_p, c_char_p),
    "TF_SessionRun": (
        *(None, c_void_p, c_void_p, POINTER(Output), POINTER(c_void_p), c_int),
        *(POINTER(Output), POINTER(c_void_p), c_int, c_void_p, c_int, c_void_p, c_void_p),
    ),
    "TF_AllocateTensor": (c_void_p, c_int, POINTER(c_int64), c_int, c_size_t),
    "TF_DeleteTensor": (None, c_void_p),
    "TF_TensorData": (c_void_p, c_void_p),
    "TF_TensorType": (c_int, c_void_p),
    "TF_TensorByteSize": (c_size_t, c_void_p),
    "TF_NumDims": (c_int, c_void_p),
    "TF_Dim": (c_int64, c_void_p, c_int),
    "TF_StringInit": (None, c_void_p),
    "TF_StringCopy": (None, c_void_p, c_char_p, c_size_t),
    "TF_StringDealloc": (None, c_void_p),
    "TF_StringGetDataPointer": (c_void_p, c_void_p),
    "TF_StringGetSize": (c_size_t, c_void_p),
    DISABLE_XLA: (None,),
}


class StatusError(RuntimeError):
    """A failure, with TensorFlow's message."""


class TensorFlow:
    """The C library, loaded into this process, with XLA off as in a server."""

    def __init__(self) -> None:
        package = importlib.util.find_spec("tensorflow")
        if package is None or package.origin is None:
            raise StatusError("tensorflow is not installed")
        folder = Path(package.origin).parent
        libraries = [
            ctypes.CDLL(str(folder / f"libtensorflow_{part}.so.2")) for part in ("framework", "cc")
        ]
        self._functions = {}
        for name, (result, *arguments) in FUNCTIONS.items():
            library = next((each for each in libraries if hasattr(each, name)), None)
            if library is None:
                raise StatusError(f"{folder} has no {name}; it is not a TensorFlow 2.21")
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
            self._functions[name] = function
        self._status = self._call("TF_NewStatus")
        self._graph = self._session = None
        self._call(DISABLE_XLA)

    def load_libraries(self, paths: Sequence[Path]) -> None:
        """Registers the operations of shared libraries; has to come before `load_model`."""
        for path in paths:
            self._checked("TF_LoadLibrary", str(path).encode())

    def operation_lists(self) -> tuple[bytes, bytes]:
        """Serialised OpList and KernelList of everything registered."""
        return (
            _content(self._call("TF_GetAllOpList")),
            _content(self._checked("TF_GetAllRegisteredKernels")),
        )

    def load_model(self, directory: Path, tag: str) -> None:
        """Loads a SavedModel's graph and variables."""
        self._graph = self._call("TF_NewGraph")
        options, tags = self._call("TF_NewSessionOptions"), (c_char_p * 1)(tag.encode())
        self._session = self._checked(
            *("TF_LoadSessionFromSavedModel", options, None, str(directory).encode()),
            *(tags, 1, self._graph, None),
        )

    def run(self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str]) -> list[np.ndarray]:
        """Values of the tensors named `fetches` ("node:0"), given those of `feeds`."""
        inputs = (Output * len(feeds))(*map(self._output, feeds))
        outputs = (Output * len(fetches))(*map(self._output, fetches))
        given = (c_void_p * len(feeds))(*map(self._tensor, feeds.values()))
        found: Any = (c_void_p * len(fetches))()
        try:
            self._checked(
                *("TF_SessionRun", self._session, None, inputs, given, len(feeds)),
                *(outputs, found, len(fetches), None, 0, None),
            )
            return [self._array(tensor) for tensor in found]
        finally:
            for tensor in filter(None, found):
                self._call("TF_DeleteTensor", tensor)
            for tensor, array in zip(given, feeds.values(), strict=True):
                if array.dtype == object:
                    for place in self._string_places(tensor, array.size):
                        self._call("TF_StringDealloc", place)
                self._call("TF_DeleteTensor", tensor)

    def _call(self, function: str, *arguments: Any) -> Any:
        return self._functions[function](*arguments)

    def _checked(self, function: str, *arguments: Any) -> Any:
        """Calls a function whose last argument is a status."""
        result = self._call(function, *arguments, self._status)
        if self._call("TF_GetCode", self._status):
            raise StatusError(self._call("TF_Message", self._status).decode(errors="replace"))
        return result

    def _output(self, tensor: str) -> Output:
        node, _, index = tensor.rpartition(":")
        operation = self._call("TF_GraphOperationByName", self._graph, node.encode())
        if not operation:
            raise StatusError(f"the graph has no node {node}")
        return Output(operation, int(index))

    def _tensor(self, array: np.ndarray) -> int:
        """A new TF_Tensor with the values of an array."""
        number, shape = NUMBERS[array.dtype.name], (c_int64 * array.ndim)(*array.shape)
        size = array.size * STRING_BYTES if number == STRING else array.nbytes
        tensor = self._call("TF_AllocateTensor", number, shape, array.ndim, size)
        if number == STRING:
            places = self._string_places(tensor, array.size)
            for place, value in zip(places, array.flat, strict=True):
                self._call("TF_StringInit", place)
                self._call("TF_StringCopy", place, value, len(value))
        elif size:
            content = np.ascontiguousarray(array)
            ctypes.memmove(self._call("TF_TensorData", tensor), content.ctypes.data, size)
        return tensor

    def _array(self, tensor: int) -> np.ndarray:
        """A copy of a TF_Tensor's values."""
        number = self._call("TF_TensorType", tensor)
        if number not in DTYPES:
            raise StatusError(f"an output has TensorFlow's type {number}, which is not read here")
        dimensions = range(self._call("TF_NumDims", tensor))
        shape = [self._call("TF_Dim", tensor, dimension) for dimension in dimensions]
        count = int(np.prod(shape, dtype=np.int64))
        if number != STRING:
            size = self._call("TF_TensorByteSize", tensor)
            content = ctypes.string_at(self._call("TF_TensorData", tensor), size) if size else b""
            return np.frombuffer(content, DTYPES[number]).reshape(shape)
        strings = np.empty(count, dtype=object)
        for index, place in enumerate(self._string_places(tensor, count)):
            pointer = self._call("TF_StringGetDataPointer", place)
            strings[index] = ctypes.string_at(pointer, self._call("TF_StringGetSize", place))
        return strings.reshape(shape)

    def _string_places(self, tensor: int, count: int) -> list[int]:
        """Addresses of a string tensor's elements."""
        start = self._call("TF_TensorData", tensor) if count else 0
        return [start + STRING_BYTES * index for index in range(count)]


class Requests:
    """The requests that may be sent, by name."""

    def __init__(self) -> None:
        self._tensorflow = TensorFlow()

    def operations(self) -> tuple[bytes, bytes]:
        """Serialised OpList and KernelList."""
        return self._tensorflow.operation_lists()

    def load(self, directory: Path, tag: str, libraries: Sequence[Path]) -> None:
        """Loads the model.

        Args:
            directory: of a version.
            tag: of its graph.
            libraries: of operations, which are loaded before.
        """
        self._tensorflow.load_libraries(libraries)
        self._tensorflow.load_model(directory, tag)

    def run(self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str]) -> list[np.ndarray]:
        """Runs the model."""
        return self._tensorflow.run(feeds, fetches)


def serve(connection: "Connection[Any, Any]") -> None:
    """Answers (name, *arguments) with (True, result) or (False, message)."""
    requests: Requests | None = None
    while True:
        try:
            request: tuple[Any, ...] = connection.recv()
        except EOFError:
            return
        try:
            requests = requests or Requests()
            answer = (True, getattr(requests, request[0])(*request[1:]))
        except Exception as error:  # whatever it is, the other side has to know
            answer = (False, str(error) or type(error).__name__)
        connection.send(answer)


def _content(buffer: Any) -> bytes:
    return ctypes.string_at(buffer.contents.data, buffer.contents.length)


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))
