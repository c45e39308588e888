"""A model for the page, without TensorFlow: it says what it is told to begin with, and the text."""

import numpy as np
from fake_server import TEXT, ShoutingModel, strings

from seq2seq.errors import DataError
from seq2seq.serving.saved_model.tensors import Signature, TensorSpec

OUTPUTS = {
    "translations": TensorSpec("string", (None, 1)),
    "scores": TensorSpec("float32", (None, 1)),
    "log_probabilities": TensorSpec("float32", (None, 1)),
    "length_nbest": TensorSpec("int32", (None, 1)),
    "source_tokens": TensorSpec("string", (None, None)),
    "source_length": TensorSpec("int32", (None,)),
    "tokens_nbest": TensorSpec("string", (None, 1, None)),
    "token_log_probabilities_nbest": TensorSpec("float32", (None, 1, None)),
    "alignment_nbest": TensorSpec("float32", (None, 1, None, None)),
}


class LeadingModel(ShoutingModel):
    """Says the prefix and then the text, of which it reads some words; to a text "none" nothing."""

    most_words = 1000
    signatures = {
        **ShoutingModel.signatures,
        "translate_prefix": Signature("translate_prefix", {"text": TEXT, "prefix": TEXT}, OUTPUTS),
    }

    def predict(self, signature, inputs):
        if signature != "translate_prefix":
            return super().predict(signature, inputs)
        count = len(inputs["text"])
        texts = [b" ".join(each.split()[: self.most_words]) for each in inputs["text"]]
        said = [one + two for one, two in zip(inputs["prefix"], texts, strict=True)]
        tokens = np.full((count, 1, 2), b"</s>", object)
        tokens[:, 0, 0] = [b"\xe2\x96\x81" + each for each in said]
        sources = np.full((count, 2), b"</s>", object)
        sources[:, 0] = [b"\xe2\x96\x81" + each for each in texts]
        return {
            "translations": strings(said)[:, None],
            "scores": np.full((count, 1), -0.5, np.float32),
            "log_probabilities": np.full((count, 1), -1.0, np.float32),
            "length_nbest": np.array(
                [[0 if t == b"none" else 2] for t in inputs["text"]], np.int32
            ),
            "source_tokens": sources,
            "source_length": np.full(count, 2, np.int32),
            "tokens_nbest": tokens,
            "token_log_probabilities_nbest": np.full((count, 1, 2), np.log(0.5), np.float32),
            "alignment_nbest": np.full((count, 1, 2, 2), 0.5, np.float32),
        }


class Inspected(LeadingModel):
    """The same with an inspector that repeats what it is asked."""

    class inspector:  # noqa: N801
        @staticmethod
        def continued(text, tokens):
            if text == "bad":
                raise DataError("it is bad")
            return {"source_tokens": ["▁a", "</s>"], "outputs": []}

        @staticmethod
        def details(text, tokens):
            return {"asked": [text, tokens]}

        @staticmethod
        def tree(text, tokens):
            return {"nodes": len(tokens)}
