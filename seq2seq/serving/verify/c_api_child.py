"""The process in which `CApiModel` loads a model: one request in, one answer out, over a pipe.

Started as `python -m seq2seq.serving.verify.c_api_child DESCRIPTOR`; ends when the other side
closes.
"""

import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from seq2seq.serving.verify.tensorflow_c import TensorFlow


class Requests:
    """What may be asked, by name."""

    def __init__(self) -> None:
        self._tensorflow = TensorFlow()

    def operations(self) -> tuple[bytes, bytes]:
        """Serialised OpList and KernelList."""
        return self._tensorflow.operation_lists()

    def load(self, directory: Path, tag: str, libraries: Sequence[Path]) -> None:
        """Loads the model."""
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


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))
