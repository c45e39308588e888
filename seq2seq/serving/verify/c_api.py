"""A saved model run as a CPU model server runs it: by TensorFlow's C library in another process."""

import functools
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import numpy as np
from tensorflow.core.framework.kernel_def_pb2 import KernelList
from tensorflow.core.framework.op_def_pb2 import OpList

from seq2seq.errors import ExportError
from seq2seq.serving.saved_model.reader import TAG, read_meta_graph, read_signatures
from seq2seq.serving.saved_model.tensors import Signature, as_array
from seq2seq.serving.verify.server_ops import Operations, text_libraries

CHILD = "seq2seq.serving.verify.c_api_child"
TIMEOUT = 300.0  # seconds for one answer; a large model loads slowly from a cold disk
PATIENCE = 5.0  # seconds for a process to end by itself
STDERR_TAIL = 2000  # bytes of what a dead process wrote last
CPU_DEVICES = ("CPU", "DEFAULT")  # what a kernel may be registered for


class CApiModel(AbstractContextManager["CApiModel"]):
    """A model in a process of its own; use it in a `with` statement.

    Args:
        directory: version directory of a SavedModel.
        timeout: seconds for loading, and for each answer; the attribute may be changed.
        libraries: libraries of operations to load before the model; by default those of the
            tensorflow-text operations in its graph.

    Raises:
        ExportError: a model server could not load the model.
    """

    def __init__(
        self, directory: Path, timeout: float = TIMEOUT, libraries: Sequence[Path] | None = None
    ) -> None:
        meta_graph = read_meta_graph(directory)
        self.signatures: dict[str, Signature] = read_signatures(meta_graph)
        if libraries is None:
            functions = meta_graph.graph_def.library.function
            ops = {node.op for node in meta_graph.graph_def.node}
            ops |= {node.op for function in functions for node in function.node_def}
            libraries = text_libraries(ops)
        self.timeout = timeout
        self._child = _Child()
        try:
            self._child.ask(timeout, "load", directory.absolute(), TAG, libraries)
        except BaseException:
            self.close()
            raise

    def predict(self, signature: str, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Outputs of a signature, by name; strings are object arrays of bytes.

        Raises:
            ExportError: the model failed, its process ended, or no answer came in time.
            ValueError: no such signature, or other inputs than it takes.
        """
        if signature not in self.signatures:
            raise ValueError(f"no signature {signature!r}; there are {', '.join(self.signatures)}")
        wanted = self.signatures[signature]
        if inputs.keys() != wanted.inputs.keys():
            given = ", ".join(inputs) or "nothing"
            raise ValueError(f"{signature} takes {', '.join(wanted.inputs)}, not {given}")
        feeds = {
            spec.tensor: as_array(inputs[name], spec.dtype) for name, spec in wanted.inputs.items()
        }
        fetches = [spec.tensor for spec in wanted.outputs.values()]
        outputs = self._child.ask(self.timeout, "run", feeds, fetches)
        return dict(zip(wanted.outputs, outputs, strict=True))

    @property
    def alive(self) -> bool:
        """Whether the process still answers."""
        return self._child.process.poll() is None

    @property
    def process_id(self) -> int:
        """Number of the process that runs the model."""
        return self._child.process.pid

    def close(self) -> None:
        """Ends the process."""
        self._child.close()

    def __exit__(self, *_: object) -> None:
        """Ends the process."""
        self.close()


@functools.cache
def server_operations() -> Operations:
    """Operations of TensorFlow's C library, as they are before any Python adds its own."""
    child = _Child()
    try:
        operations, kernels = child.ask(TIMEOUT, "operations")
    finally:
        child.close()
    return Operations(
        registered=frozenset(each.name for each in OpList.FromString(operations).op),
        on_cpu=frozenset(
            each.op
            for each in KernelList.FromString(kernels).kernel
            if each.device_type in CPU_DEVICES
        ),
    )


class _Child:
    """The other process; each `ask` ends within its timeout, whatever becomes of the process."""

    def __init__(self) -> None:
        self._late = threading.Event()
        self._stderr = tempfile.TemporaryFile()
        self._connection, theirs = Pipe()
        path = os.pathsep.join(filter(None, sys.path))  # finds this package wherever it lies
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", CHILD, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._stderr,
                stderr=self._stderr,
                env=os.environ
                | {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONPATH": path},
            )

    def ask(self, timeout: float, *request: Any) -> Any:
        """One exchange, in so many seconds at most.

        Raises:
            ExportError: it failed; the message is TensorFlow's, or tells how the process ended.
        """
        watchdog = threading.Timer(timeout, self._give_up)
        watchdog.daemon = True
        watchdog.start()
        try:
            self._connection.send(request)
            succeeded, answer = self._connection.recv()
        except (EOFError, OSError):
            raise ExportError(self._obituary(timeout)) from None
        finally:
            watchdog.cancel()
        if not succeeded:
            raise ExportError(" ".join(answer.split()))  # one line
        return answer

    def close(self) -> None:
        """Lets the process end, by force if it must."""
        self._connection.close()
        self._end()
        self._stderr.close()

    def _end(self) -> int:
        """Exit status of the process, which ends by itself once the pipe is closed."""
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def _give_up(self) -> None:
        self._late.set()
        self.process.kill()

    def _obituary(self, timeout: float) -> str:
        """The end of the process in words, with what it wrote last."""
        code = self._end()
        if self._late.is_set():
            return f"no answer within {timeout:g} s; the process was ended"
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - STDERR_TAIL))
        wrote = self._stderr.read().decode(errors="replace").strip()
        return f"the process ended with {how}" + (f"; it wrote: {wrote}" if wrote else "")
