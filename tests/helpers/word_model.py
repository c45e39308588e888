"""A model of words for servers under test, which reverses sentences and says what came of what."""

import threading

import numpy as np
from fake_server import TEXT, strings

from seq2seq.config.languages import Languages
from seq2seq.serving.saved_model.tensors import Signature, TensorSpec

FLOATS, INTEGERS = TensorSpec("float32", None), TensorSpec("int32", (None,))
LONGEST = 20  # words of a text that `align` is about


class ReversingModel:
    """From en to de: capitals, and the words in reverse; the k-th best has k exclamation marks."""

    languages = Languages("en", "de")
    signatures = {
        each.name: each
        for each in (
            Signature("serving_default", {"text": TEXT}, {"translation": TEXT}),
            Signature(
                "translate_nbest",
                {"text": TEXT},
                {"translations": TensorSpec("string", (None, 3))},
            ),
            Signature(
                "align",
                {"text": TEXT},
                {
                    **{name: TEXT for name in ("translation", "source_tokens", "tokens")},
                    **{name: INTEGERS for name in ("source_length", "length")},
                    "alignment": FLOATS,
                },
            ),
        )
    }

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()
        self.running = threading.Semaphore(0)  # released once for each run that begins
        self.asked = []  # signature and texts of each run

    def prepare(self):
        pass

    def predict(self, signature, inputs):
        texts = [each.decode() for each in inputs["text"]]
        self.asked.append((signature, texts))
        self.running.release()
        assert self.gate.wait(30)
        if signature == "align":
            return _aligned(texts)
        best = [reverse(text) for text in texts]
        if signature == "translate_nbest":
            ranked = [[(each + "!" * rank).encode() for rank in range(3)] for each in best]
            return {"translations": np.array(ranked, object).reshape(len(texts), 3)}
        return {"translation": strings([each.encode() for each in best])}


def reverse(text):
    """The translation."""
    return " ".join(reversed(text.upper().split()))


def _aligned(texts):
    words = [text.split()[:LONGEST] for text in texts]
    widest = max(map(len, words), default=0) + 1
    tokens = {name: np.full((len(texts), widest), b"", object) for name in ("source", "target")}
    weights = np.zeros((len(texts), widest, widest), np.float32)
    for row, each in enumerate(words):
        count = len(each)
        for place, word in enumerate(each):
            tokens["source"][row, place] = f"\u2581{word}".encode()
            tokens["target"][row, count - 1 - place] = f"\u2581{word.upper()}".encode()
            weights[row, count - 1 - place, place] = 1
        tokens["source"][row, count] = tokens["target"][row, count] = b"</s>"
        weights[row, count, count] = 1
    lengths = np.array([len(each) + 1 for each in words], np.int32)
    return {
        "translation": strings([reverse(" ".join(each)).encode() for each in words]),
        "source_tokens": tokens["source"],
        "tokens": tokens["target"],
        "source_length": lengths,
        "length": lengths,
        "alignment": weights,
    }
