"""The portable formats: packages and batches of each, and how a search is written in it.

Their packages are optional, so they are imported where they are used.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import tensorflow as tf

from seq2seq.errors import ExportError, Seq2SeqError, install_extra
from seq2seq.serving.portable.parity import PortableSearch

LONGEST_REASON = 300  # characters
SEVERAL = 16  # sentences


@dataclass(frozen=True)
class PortableFormat:
    """A format that a search can be exported to.

    Attributes:
        name: as the command and the extra call it.
        file: that holds the model that searches freely.
        packages: that the extra installs.
        batch: sentences a call; any number if None.
        batches: numbers of sentences a call that a model is checked with.
        weights: types that they can be stored in.
    """

    name: str
    file: str
    packages: tuple[str, ...]
    batch: int | None
    batches: tuple[int, ...]
    weights: tuple[str, ...]

    def require_packages(self) -> None:
        """Checks that the packages are installed.

        Raises:
            ExportError: one is not.
        """
        for package in self.packages:
            try:
                version(package)
            except PackageNotFoundError:
                raise ExportError(
                    f"--format {self.name} needs {package}, which is not installed; install it "
                    f"with: {install_extra(self.name)}"
                ) from None

    def convert(
        self,
        search: tf.types.experimental.GenericFunction,
        variables: Sequence[tf.Variable],
        path: Path,
    ) -> PortableSearch:
        """Writes a model's file and opens what was written.

        Args:
            search: a function of source_ids (B, S), B as `batch` says, and perhaps of another
                input.
            variables: those that it reads.
            path: of the file.
        """
        if self.name == "onnx":
            from seq2seq.serving.portable.onnx_format import write_onnx
            from seq2seq.serving.portable.onnx_search import OnnxSearch

            write_onnx(search, path)
            return OnnxSearch(path)
        from seq2seq.serving.portable.litert_format import LitertSearch, write_litert

        write_litert(search, variables, path)
        return LitertSearch(path)

    def round_weights(self, path: Path, weights: str) -> PortableSearch:
        """Stores the weights of a written model in another type, and opens what was written."""
        from seq2seq.serving.portable.onnx_search import OnnxSearch
        from seq2seq.serving.portable.rounded_weights import rewrite

        rewrite(path, weights)
        return OnnxSearch(path)

    @contextmanager
    def named_failures(self) -> Iterator[None]:
        """Makes an `ExportError` of whatever converters and runtimes raise in the block."""
        try:
            yield
        except (Seq2SeqError, OSError):  # a full disk is no matter of the format
            raise
        except Exception as error:
            reason = " ".join(str(error).split())[:LONGEST_REASON]
            raise ExportError(
                f"{self.file} cannot hold this run's search: {type(error).__name__}: {reason}; "
                "please report it with the run's config.yaml"
            ) from error


FORMATS = {
    each.name: each
    for each in (
        PortableFormat(
            name="onnx",
            file="model.onnx",
            packages=("tf2onnx", "onnx", "onnxruntime"),
            batch=None,
            batches=(1, SEVERAL),
            weights=("float32", "float16", "int8"),
        ),
        PortableFormat(
            name="litert",
            file="model.tflite",
            packages=("ai-edge-litert",),
            batch=1,
            batches=(1,),
            weights=("float32",),
        ),
    )
}
