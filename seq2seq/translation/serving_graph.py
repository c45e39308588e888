"""A trained translator as the parts of a graph that a model server runs: weights, search, text.

Products are float32, and everything is plain operations: no layer here has a form for GPUs of its
own (keras.layers.LSTM has), so the graph is the same wherever it is traced.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seq2seq.config.languages import LanguageTags
from seq2seq.config.sections import DecodingConfig, RunConfig
from seq2seq.data.graph_subwords import GraphSubwords
from seq2seq.data.shortlist import Shortlist
from seq2seq.data.splitting import SENTENCE_ENDS, WIDE_SENTENCE_ENDS
from seq2seq.data.subwords import EOS, PAD, WORD_START, Subwords
from seq2seq.decoding.forced_tokens import FREE
from seq2seq.decoding.forcing import force
from seq2seq.decoding.step import Prefixes
from seq2seq.decoding.terms import prepared
from seq2seq.models.translator import Translator
from seq2seq.serving.saved_model.translator_graph import (
    CUT_BEFORE_WORD,
    CUT_IN_CHARACTER,
    CUT_IN_WORD,
    NARROW_END,
    NO_END,
    WIDE_END,
    CuttingPlaces,
    Fields,
    Searches,
    SourceTags,
    TranslatorGraph,
    Vocabulary,
)
from seq2seq.translation.engine import NOTHING_FORCED, Engine, Forced, begin, output_limits
from seq2seq.translation.graph_prefixes import GraphPrefixes
from seq2seq.translation.search import run_search, search_rules
from seq2seq.translation.shortlist_mask import GraphShortlist

IDS = tf.TensorSpec((None, None), tf.int32)
TARGETS = tf.TensorSpec((None, None, None), tf.int32)
PLACES = tf.TensorSpec((None, None, 3), tf.int32)
TERMS = tf.TensorSpec((None, None, None), tf.int32)
PART = 4  # subwords that a search in parts goes on by
CONTINUING_BYTES = frozenset(f"<0x{byte:02X}>" for byte in range(0x80, 0xC0))


class StoredNetwork:
    """A network whose weights are stored once, in a chosen type, and used as float32.

    Args:
        translator: built for float32, trained.
        suppressed_ids: ids that are no output: `Subwords.unwritten`.
        dtype: "float32", "bfloat16" or "float16".
    """

    def __init__(self, translator: Translator, suppressed_ids: Sequence[int], dtype: str) -> None:
        self._translator = translator
        self._suppressed_ids = suppressed_ids
        self._stored = [
            (weight, tf.Variable(tf.cast(weight, dtype), trainable=False, name=weight.name))
            for weight in translator.training.weights
        ]
        self.parameter_bytes = sum(
            stored.shape.num_elements() * stored.dtype.size for _, stored in self._stored
        )

    def searches(
        self, config: DecodingConfig, shortlist: Shortlist | None, ranks: np.ndarray
    ) -> Searches:
        """The searches that the settings ask for.

        Args:
            config: its `n_best` are the outputs of those that give several.
            shortlist: if they keep to one.
            ranks: of `Prefixes`.
        """
        listed = GraphShortlist(shortlist) if shortlist else None
        alone = replace(config, n_best=1)

        def limits(lengths: tf.Tensor) -> tf.Tensor:
            return output_limits(lengths, config)

        return Searches(
            best=self._search(alone, listed, keep_attention=False),
            several=self._search(config, listed, keep_attention=False),
            aligned=self._search(alone, listed, keep_attention=True),
            forced=self._scorer(alone),
            led=self._led_search(config, listed, ranks),
            constrained=self._constrained(config, listed) if config.takes_terms else None,
            part=self._part_search(config, listed, ranks),
            outputs=config.n_best,
            limits=limits,
        )

    def _search(
        self, config: DecodingConfig, shortlist: GraphShortlist | None, keep_attention: bool
    ) -> tf.types.experimental.GenericFunction:
        def search(source_ids: tf.Tensor) -> Fields:
            return self._found(source_ids, config, keep_attention, shortlist)

        return tf.function(search, input_signature=[IDS], autograph=False)

    def _led_search(
        self, config: DecodingConfig, shortlist: GraphShortlist | None, ranks: np.ndarray
    ) -> tf.types.experimental.GenericFunction:
        def search(source_ids: tf.Tensor, places: tf.Tensor) -> Fields:
            forced = Forced(Prefixes(places, tf.constant(ranks)))
            return self._found(source_ids, config, True, shortlist, forced)

        return tf.function(search, input_signature=[IDS, PLACES], autograph=False)

    def _constrained(
        self, config: DecodingConfig, shortlist: GraphShortlist | None
    ) -> tf.types.experimental.GenericFunction:
        def search(source_ids: tf.Tensor, terms: tf.Tensor) -> Fields:
            return self._found(source_ids, config, False, shortlist, Forced(terms=prepared(terms)))

        return tf.function(search, input_signature=[IDS, TERMS], autograph=False)

    def _found(
        self,
        source_ids: tf.Tensor,
        config: DecodingConfig,
        keep_attention: bool,
        shortlist: GraphShortlist | None,
        forced: Forced = NOTHING_FORCED,
    ) -> Fields:
        """What a search finds; to be traced."""
        with_attention = keep_attention or config.coverage_penalty > 0
        with self._weights():
            engines = [self._engine()]
            step, start = begin(engines, source_ids, config, with_attention, shortlist, forced)
            found = run_search(step, start, config, None)
        return vars(found) | {"ids": step.real_ids(found.ids)}

    def _part_search(
        self, config: DecodingConfig, shortlist: GraphShortlist | None, ranks: np.ndarray
    ) -> tf.types.experimental.GenericFunction:
        greedy = replace(config, beam_width=1, n_best=1, coverage_penalty=0.0)

        def search(source_ids: tf.Tensor, written_ids: tf.Tensor) -> Fields:
            known = (written_ids >= 0) & (written_ids < len(ranks))
            ids = tf.where(known, written_ids, FREE)  # a client may write anything
            ids = tf.pad(ids, [[0, 0], [0, 1]], constant_values=FREE)
            places = tf.stack([ids, *[tf.zeros_like(ids)] * 2], 2)
            forced = Forced(Prefixes(places, tf.constant(ranks)))
            most = tf.shape(written_ids)[1] + PART + 1
            with self._weights():
                engines = [self._engine()]
                step, start = begin(engines, source_ids, greedy, False, shortlist, forced)
                limits = tf.minimum(start.max_lengths, most)
                found = run_search(step, replace(start, max_lengths=limits), greedy, None)
            # At the limit EOS was not the network's choice.
            ended = (found.lengths[:, 0] < most) | (start.max_lengths <= most)
            return vars(found) | {"ids": step.real_ids(found.ids), "ended": ended}

        return tf.function(search, input_signature=[IDS, IDS], autograph=False)

    def _scorer(self, config: DecodingConfig) -> tf.types.experimental.GenericFunction:
        keep_attention = config.coverage_penalty > 0

        def score(source_ids: tf.Tensor, target_ids: tf.Tensor) -> Fields:
            with self._weights():
                step, start = begin([self._engine()], source_ids, config, keep_attention, None)
                return dict(vars(force(step, start, search_rules(config), target_ids)))

        return tf.function(score, input_signature=[IDS, TARGETS], autograph=False)

    def _engine(self) -> Engine:
        """To be made inside a graph, and inside `_weights`."""
        ids = self._suppressed_ids
        return Engine(self._translator, PAD, ids, "float32", cache_weights=False)

    def _weights(self) -> keras.StatelessScope:
        """Where layers read the stored weights instead of their own; casts them once a call."""
        return keras.StatelessScope(
            [(own, tf.cast(stored.value(), own.dtype)) for own, stored in self._stored]
        )


def graph_settings(given: Mapping[str, Any], config: RunConfig) -> dict[str, Any]:
    """Decoding settings of a graph in place of the run's.

    Answers have to be repeatable and the same everywhere, so `sampling` is off and `precision`
    float32 whatever the run says, and what `mbr` compares is not in the graph; `n_best` is the
    beam's width unless given.

    Args:
        given: go before the run's.
        config: the run's.
    """
    beam_width = given.get("beam_width", config.decoding.beam_width)
    fixed = {"sampling": False, "mbr": "none", "precision": "float32"}
    return {"n_best": beam_width, **given, **fixed}


def make_graph(
    network: StoredNetwork,
    subwords: Subwords,
    encoder: GraphSubwords,
    config: DecodingConfig,
    shortlist: Shortlist | None,
    tags: LanguageTags | None,
) -> TranslatorGraph:
    """All parts together.

    Args:
        network: see the class.
        subwords: the vocabulary.
        encoder: the same, in the graph; made after any seeding.
        config: how to search; without sampling.
        shortlist: if the search keeps to one.
        tags: before sources, if the network reads them.
    """
    pieces = subwords.pieces(range(subwords.size))
    prefixes = GraphPrefixes(subwords)
    vocabulary = Vocabulary(
        encode=lambda texts: encoder.encode(readable(texts)),
        decode=encoder.decode,
        prefix_places=lambda texts, ids: prefixes.of_tensors(readable(texts), ids),
        pieces=pieces,
        places=cutting_places(pieces, subwords.first_text),
        pad=PAD,
        eos=EOS,
    )
    searches = network.searches(config, shortlist, prefixes.ranks)
    return TranslatorGraph(
        vocabulary,
        searches,
        config.longest_source,
        config.batch_tokens,
        _source_tags(tags, subwords) if tags else None,
    )


def _source_tags(tags: LanguageTags, subwords: Subwords) -> SourceTags:
    ids = np.array(subwords.encode_all(tags.symbols), np.int32)
    return SourceTags(ids, tags.known.index(tags.default))


def readable(texts: tf.Tensor) -> tf.Tensor:
    """Bytes as `bytes.decode("utf-8", "replace")` reads them."""
    return tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8")


def cutting_places(pieces: Sequence[str], first_text: int) -> CuttingPlaces:
    """Where a text may be cut, by the written form of its pieces.

    Args:
        pieces: of the vocabulary.
        first_text: id of the first that is neither a special one nor a byte.
    """
    before = np.full(len(pieces), CUT_IN_WORD, np.int8)
    before[[piece.startswith(WORD_START) for piece in pieces]] = CUT_BEFORE_WORD
    is_continuing = [piece in CONTINUING_BYTES for piece in pieces[:first_text]]
    before[:first_text][is_continuing] = CUT_IN_CHARACTER  # within a UTF-8 character
    after = np.full(len(pieces), NO_END, np.int8)
    for ends, kind in (
        (SENTENCE_ENDS, NARROW_END),
        (WIDE_SENTENCE_ENDS, WIDE_END),
    ):
        after[[piece.endswith(tuple(ends)) for piece in pieces]] = kind
    return CuttingPlaces(before, after)
