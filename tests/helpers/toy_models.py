"""SavedModels small enough to save in a second: a good one, and all that is needed to spoil one."""

import atexit
import functools
import io
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import sentencepiece
import tensorflow as tf
import tensorflow_text
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from seq2seq.serving.saved_model.expected_answers import (
    EXPECTED_FILE,
    Answer,
    Expected,
    encode_expected,
)
from seq2seq.serving.saved_model.tensors import as_array
from seq2seq.serving.saved_model.warmup import WARMUP_FILE, WarmupRequest, write_warmup

LINES = ["the dog sleeps", "a cat sees the old dog", "the cat and the dog sleep"]
UNITS = 16
TEXT = tf.TensorSpec([None], tf.string, name="text")
REFERENCE = tf.TensorSpec([None], tf.string, name="reference")
Function = Callable[..., dict[str, tf.Tensor]]


@dataclass(frozen=True)
class Toy:
    """A translator from strings to strings whose every step a real one has too, except a search."""

    network: keras.Model
    tokenizer: tensorflow_text.SentencepieceTokenizer
    functions: Mapping[str, Function]

    @property
    def parameter_bytes(self) -> int:
        return sum(4 * int(np.prod(each.shape)) for each in self.network.weights)


def folder() -> Path:
    """A new directory that lasts until the tests end."""
    made = tempfile.mkdtemp(prefix="toy-models-")
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(made)


@functools.cache
def toy() -> Toy:
    """Random weights; gives each subword another in its place."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES * 5),
        model_writer=model,
        vocab_size=300,
        byte_fallback=True,
        hard_vocab_limit=False,
        **{"pad_id": 0, "unk_id": 1, "bos_id": 2, "eos_id": 3},
        minloglevel=2,
    )
    tokenizer = tensorflow_text.SentencepieceTokenizer(model.getvalue(), out_type=tf.int32)
    size = int(tokenizer.vocab_size())
    ids = keras.Input((None,), dtype="int32", name="ids")
    initializer = keras.initializers.RandomNormal(seed=1)
    embedded = keras.layers.Embedding(size, UNITS, initializer, name="embed")(ids)
    logits = keras.layers.Dense(size, kernel_initializer=initializer, name="logits")(embedded)
    network = keras.Model(ids, logits)

    def run(text: tf.Tensor) -> dict[str, tf.Tensor]:
        ids = tokenizer.tokenize(text).to_tensor(0)
        ids = tf.pad(ids, [[0, 0], [0, 1]])  # a column at least
        mask = ids > 0
        logits = network(ids)
        best = tf.where(mask, tf.argmax(logits, -1, tf.int32), 0)
        length = tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)
        ragged = tf.RaggedTensor.from_tensor(best, lengths=length)
        return {
            "translation": tokenizer.detokenize(ragged),
            "score": tf.reduce_sum(tf.where(mask, tf.reduce_max(logits, -1), 0.0), axis=1),
            "tokens": tf.where(mask, tokenizer.id_to_string(best), ""),
            "length": length,
        }

    def score(text: tf.Tensor, reference: tf.Tensor) -> dict[str, tf.Tensor]:
        source, target = run(text), run(reference)
        return {"score": target["score"] - source["score"], "length": target["length"]}

    def only(*names: str) -> Function:
        return lambda text: {name: run(text)[name] for name in names}

    functions = {
        "serving_default": only("translation"),
        "translate": only("translation", "score"),
        "align": only("translation", "tokens", "length"),
        "score": score,
    }
    return Toy(network, tokenizer, functions)


def input_signature(name: str) -> list[tf.TensorSpec]:
    return [TEXT, REFERENCE] if name == "score" else [TEXT]


@functools.cache
def good_model() -> Path:
    """Saved by an ExportArchive that tracks the tokenizer; not to be changed, `copy` it."""
    return save_archive(folder() / "toy" / "1", track_network=False)


def save_archive(path: Path, track_network: bool) -> Path:
    archive = keras.export.ExportArchive()
    archive.track(toy().tokenizer)
    if track_network:
        archive.track(toy().network)
    for name, function in toy().functions.items():
        archive.add_endpoint(name, function, input_signature=input_signature(name))
    archive.write_out(str(path), verbose=False)
    record(path, toy().functions, toy().parameter_bytes)
    return path


def save_as_attribute(path: Path) -> Path:
    """The way that Python's loader takes and the server's does not (keras-team/keras#20095)."""
    module = tf.Module()
    module.network, module.tokenizer = toy().network, toy().tokenizer
    functions = {"serving_default": toy().functions["serving_default"]}
    signature = tf.function(functions["serving_default"], input_signature=[TEXT], autograph=False)
    tf.saved_model.save(module, str(path), signatures={"serving_default": signature})
    record(path, functions, toy().parameter_bytes)
    return path


def save_plain(path: Path, **functions: Function) -> Path:
    """A model without weights; its `serving_default`, unless given, repeats text in capitals."""
    functions = {"serving_default": capitals} | functions
    signatures = {
        name: function
        if hasattr(function, "get_concrete_function")
        else tf.function(function, input_signature=input_signature(name), autograph=False)
        for name, function in functions.items()
    }
    module = tf.Module()
    module.counter = tf.Variable(0)  # a checkpoint needs something
    tf.saved_model.save(module, str(path), signatures=signatures)
    return path


def capitals(text: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"translation": tf.strings.upper(readable(text))}


def readable(text: tf.Tensor) -> tf.Tensor:
    """Text with U+FFFD for what is not UTF-8."""
    return tf.strings.unicode_transcode(text, "UTF-8", "UTF-8")


def record(path: Path, functions: Mapping[str, Function], parameter_bytes: int | None) -> None:
    """Writes warm-up requests and expected answers, as an exporter does."""
    requests, answers = [], []
    for name, function in functions.items():
        texts = as_array(LINES, "string")
        inputs = {"text": texts}
        if name == "score":
            inputs["reference"] = texts[::-1]
        outputs = function(**{key: tf.constant(value) for key, value in inputs.items()})
        requests.append(WarmupRequest(name, inputs))
        answers.append(Answer(name, inputs, {key: each.numpy() for key, each in outputs.items()}))
    write_warmup(path / WARMUP_FILE, "toy", requests)
    expected = Expected(tuple(answers), parameter_bytes=parameter_bytes)
    (path / EXPECTED_FILE).write_bytes(encode_expected(expected))


def copy(model: Path, to: Path, edit: Callable[[SavedModel], Any] | None = None) -> Path:
    """A copy of a model, whose graph is changed by `edit`."""
    shutil.copytree(model, to)
    if edit is not None:
        saved = SavedModel.FromString((to / "saved_model.pb").read_bytes())
        edit(saved)
        (to / "saved_model.pb").write_bytes(saved.SerializeToString())
    return to
