"""Validation: perplexity of the references, beside their own and other sources, and BLEU."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np
import tensorflow as tf

from seq2seq.config.sections import RunConfig
from seq2seq.data.graph_subwords import GraphSubwords
from seq2seq.data.id_rows import Batch, batches_in_order
from seq2seq.data.subwords import PAD, Subwords
from seq2seq.models.translator import Translator
from seq2seq.models.weight_files import write_weights
from seq2seq.scoring.scores import corpus_bleu, corpus_score
from seq2seq.training.corpus import read_parallel, tagged_sources
from seq2seq.translation.search import network
from seq2seq.translation.text_translator import Parts, TextTranslator

SAMPLES = 3
SENTENCES = 64  # a batch


@dataclass(frozen=True)
class Validated:
    """What one validation found."""

    perplexity: float
    # Of the references beside other sentences' sources. The nearer it is to the one above, the less
    # the network reads: a translator's is several times higher, a mere language model's the same.
    # None: the text has no two sources.
    wrong_source_perplexity: float | None
    bleu: float
    metric: str  # training.keep_best_by
    score: float  # by it
    samples: list[tuple[str, str, str]]  # source, reference, translation


class Validator:
    """Holds the validation text and a network that borrows the trained weights.

    Losses are in float32, whatever `decoding.precision` is at the time. Translations are greedy: a
    few times faster than beam search, and they rank checkpoints alike.
    """

    def __init__(self, config: RunConfig, subwords: Subwords) -> None:
        data = config.data
        self._language = data.language_of_target(data.validation_target)
        self._metric = config.training.keep_best_by
        sources, self._references = read_parallel(data.validation_source, data.validation_target)
        self._sources = tagged_sources(data, sources, data.validation_target)
        precise = replace(config, decoding=replace(config.decoding, precision="float32"))
        self.translator: Translator = network(precise, subwords.size)
        greedy = replace(
            config.decoding, beam_width=1, n_best=1, sampling=False, mbr="none", shortlist=False
        )
        tags = data.tags_for(data.validation_target)  # of each piece of a long line
        parts = Parts(subwords, [self.translator], tags=tags)
        self._text_translator = TextTranslator(parts, greedy)
        encode = GraphSubwords(subwords).encode_rows
        self._batches = batches_in_order(encode(self._sources), encode(self._references), SENTENCES)
        self._mismatched = list(_mismatched(self._batches))

        @tf.function(input_signature=[tf.TensorSpec((None, None), tf.int32)] * 3, autograph=False)
        def losses(source: tf.Tensor, target_in: tf.Tensor, target_out: tf.Tensor) -> tuple:
            real = tf.where(tf.not_equal(target_out, PAD))
            readout = self.translator.readout([source, target_in], training=False)
            targets = tf.gather_nd(target_out, real)
            found = self.translator.output.losses(tf.gather_nd(readout, real), targets, 0.0)
            return tf.reduce_sum(found), tf.size(targets)

        self._losses = losses

    def save_weights(self, stream: BinaryIO) -> None:
        """Writes the weights that were scored last."""
        write_weights(self.translator.training, stream)

    def __call__(self, weights: list[np.ndarray]) -> Validated:
        """Scores a set of weights, in the order of `keras.Model.get_weights`."""
        self.translator.training.set_weights(weights)
        perplexity = self._perplexity(self._batches)
        self._text_translator.refresh()
        translations = self._text_translator.translate(self._sources)
        bleu = corpus_bleu(translations, self._references, self._language)
        scores = {"perplexity": perplexity, "bleu": bleu}
        if self._metric not in scores:
            scores[self._metric] = corpus_score(
                self._metric, translations, self._references, self._language
            )
        spread = np.linspace(0, len(self._sources) - 1, SAMPLES).astype(int)
        return Validated(
            perplexity=perplexity,
            wrong_source_perplexity=self._perplexity(self._mismatched)
            if self._mismatched
            else None,
            bleu=bleu,
            metric=self._metric,
            score=scores[self._metric],
            samples=[(self._sources[n], self._references[n], translations[n]) for n in spread],
        )

    def _perplexity(self, batches: Iterable[Batch]) -> float:
        loss = tokens = 0.0
        for batch in batches:
            found, count = self._losses(*batch)
            loss, tokens = loss + float(found), tokens + int(count)
        return math.exp(min(loss / tokens, 700.0))  # below what a float can hold


def _mismatched(batches: Iterable[Batch]) -> Iterator[Batch]:
    """References beside the sources of other rows, but for rows that have the same source."""
    for source, *target in batches:
        other = tf.roll(source, 1, axis=0)
        rows = tf.reduce_any(tf.not_equal(source, other), axis=1)
        if tf.reduce_any(rows):
            yield Batch(*(tf.boolean_mask(each, rows) for each in (other, *target)))
