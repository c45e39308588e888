"""Signatures of strings over a translator that copies its source: what becomes of the text."""

import functools
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.serving.saved_model import signatures, translator_graph
from seq2seq.serving.saved_model.signatures import alignments, reference_scores
from seq2seq.serving.saved_model.translations import constrained_translations, translations
from seq2seq.serving.saved_model.translator_graph import (
    CUT_BEFORE_WORD,
    CUT_IN_CHARACTER,
    CUT_IN_WORD,
    NARROW_END,
    NO_END,
    WIDE_END,
    CuttingPlaces,
    Searches,
    TranslatorGraph,
    Vocabulary,
    cut,
    map_by_length,
)

PAD, EOS, FIRST = 0, 3, 4  # the id of a byte is FIRST + byte
LONGEST, TOKENS, OUTPUTS = 8, 30, 3
MARK = ord("!") + FIRST

before = np.full(FIRST + 256, CUT_IN_WORD, np.int8)
before[FIRST + ord(" ")] = CUT_BEFORE_WORD
before[FIRST + ord("_")] = CUT_IN_CHARACTER
after = np.full(FIRST + 256, NO_END, np.int8)
after[FIRST + ord(".")] = NARROW_END
after[FIRST + ord("|")] = WIDE_END
PLACES = CuttingPlaces(before, after)


def encode(texts):
    ids = tf.strings.unicode_decode(texts, "UTF-8")
    return ids.with_values(ids.values + FIRST)


def decode(ids):
    letters = tf.gather(tf.constant([bytes([each]) for each in range(256)]), ids.values - FIRST)
    joined = tf.strings.reduce_join(ids.with_values(letters), axis=-1)
    return tf.strings.strip(joined)


class Copies:
    """Rank k of a search is the source with k marks behind it; a source that starts with "?" has
    one output only, and one that starts with "-" none.
    """

    def __init__(self, outputs, attention=False):
        self.outputs, self.attention = outputs, attention
        self.groups = []

    def __call__(self, source_ids):
        types = [tf.int32, tf.int32, tf.float32, tf.float32, tf.float32, tf.float32]
        values = tf.numpy_function(self.search, [source_ids], types)
        names = ("ids", "lengths", "log_probabilities", "scores")
        names += ("token_log_probabilities", "weights")
        ranks = (3, 2, 2, 2, 3, 4)
        return {
            name: tf.ensure_shape(value, (None, self.outputs, *[None] * (rank - 2)))
            for name, rank, value in zip(names, ranks, values, strict=True)
        }

    def search(self, source):
        self.groups.append(source.shape)
        rows, width = source.shape
        steps = width + self.outputs
        ids = np.zeros((rows, self.outputs, steps), np.int32)
        lengths = np.zeros((rows, self.outputs), np.int32)
        for row in range(rows):
            words = source[row][source[row] > EOS].tolist()
            assert source[row, len(words)] == EOS
            first = chr(words[0] - FIRST) if words else ""
            for rank in range({"?": 1, "-": 0}.get(first, self.outputs)):
                output = [*words, *[MARK] * rank, EOS]
                ids[row, rank, : len(output)] = output
                lengths[row, rank] = len(output)
        totals = np.where(lengths > 0, -lengths, -np.inf).astype(np.float32)
        weights = np.ones((rows, self.outputs, steps, width if self.attention else 0), np.float32)
        return ids, lengths, 2 * totals, totals, -(ids > PAD).astype(np.float32), weights


def forced(source_ids, target_ids):
    lengths = tf.reduce_sum(tf.cast(target_ids > PAD, tf.int32), axis=2)
    sources = tf.reduce_sum(tf.cast(source_ids > PAD, tf.float32), axis=1, keepdims=True)
    return {"lengths": lengths, "scores": -sources, "log_probabilities": -2 * sources}


class WithTerms(Copies):
    """As `Copies`, with the terms behind the source."""

    def __call__(self, source_ids, terms):
        rows = tf.shape(source_ids)[0]
        ids = tf.concat([source_ids, tf.reshape(terms, (rows, -1))], axis=1)
        words = tf.ragged.boolean_mask(ids, ids > EOS)
        return super().__call__(tf.concat([words, tf.fill((rows, 1), EOS)], axis=1).to_tensor(PAD))


@pytest.fixture
def graph():
    searches = Searches(
        best=Copies(1),
        several=Copies(OUTPUTS),
        aligned=Copies(1, attention=True),
        forced=forced,
        led=None,
        part=None,
        constrained=WithTerms(OUTPUTS),
        outputs=OUTPUTS,
        limits=lambda lengths: lengths + OUTPUTS,
    )
    pieces = [f"<{number}>" for number in range(FIRST + 256)]
    vocabulary = Vocabulary(encode, decode, None, pieces, PLACES, PAD, EOS)
    return TranslatorGraph(vocabulary, searches, LONGEST, TOKENS)


def ask(signature, *texts):
    """Answers of a signature, as a graph gives them."""
    inputs = [tf.TensorSpec((None,), tf.string)] * len(texts)
    traced = tf.function(signature, input_signature=inputs, autograph=False)
    found = traced(*[tf.constant(each, tf.string, shape=(len(each),)) for each in texts])
    return SimpleNamespace(**{name: values.numpy() for name, values in found.items()})


def best(graph, texts):
    return ask(lambda text: translations(graph, graph.searches.best, 1, text), texts)


def several(graph, texts):
    return ask(lambda text: translations(graph, graph.searches.several, OUTPUTS, text), texts)


def with_terms(graph, texts, terms):
    asked = functools.partial(constrained_translations, graph, graph.searches.constrained)
    found = ask(asked, texts, terms)
    return found.translations, found.scores


def scores(graph, texts, references):
    return ask(functools.partial(reference_scores, graph), texts, references)


def aligned(graph, texts):
    return ask(functools.partial(alignments, graph), texts)


def quality(text, place):
    """How good a place to cut is, said in another way than the code does."""
    previous, following = text[place - 1], text[place]
    if previous == "|" or (previous == "." and following == " "):
        return 3
    return {" ": 2, "_": 0}.get(following, 1)


def chunks_of(text, longest):
    chunks = []
    while len(text) > longest:
        place = max(range(1, longest + 1), key=lambda place: (quality(text, place), place))
        chunks, text = [*chunks, text[:place]], text[place:]
    return [*chunks, text] if text else chunks


@pytest.mark.parametrize(
    "text, chunks",
    [
        ("", []),
        ("abcdefgh", ["abcdefgh"]),
        ("ab. cd efgh", ["ab.", " cd efgh"]),
        ("ab.cd efgh", ["ab.cd", " efgh"]),  # as in 3.14
        ("ab|cd efgh", ["ab|", "cd efgh"]),
        ("abcdefghij", ["abcdefgh", "ij"]),
        ("abcdefg__hij", ["abcdef", "g__hij"]),
        ("________a", ["________", "a"]),
    ],
)
def test_a_long_text_is_cut_at_the_best_place(text, chunks):
    assert cut_texts([text], LONGEST) == [(chunk, 0) for chunk in chunks]


@functools.cache
def cutter(longest):
    def cut_all(texts):
        chunks, numbers = cut(encode(texts), longest, PLACES)
        return {"values": chunks.values, "lengths": chunks.row_lengths(), "texts": numbers}

    inputs = [tf.TensorSpec((None,), tf.string)]
    return tf.function(cut_all, input_signature=inputs, autograph=False)


def cut_texts(texts, longest):
    """Each chunk, and the number of its text."""
    found = cutter(longest)(tf.constant(texts, tf.string, shape=(len(texts),)))
    text = "".join(chr(each - FIRST) for each in found["values"].numpy())
    ends = np.cumsum(found["lengths"]).tolist()
    chunks = [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    return list(zip(chunks, found["texts"].numpy().tolist(), strict=True))


texts_to_cut = st.lists(st.text("ab .|_", max_size=60), max_size=5)


@settings(deadline=None)
@given(texts_to_cut, st.integers(2, 9))
def test_chunks_hold_every_text_and_only_its_own(texts, longest):
    expected = [(chunk, n) for n, text in enumerate(texts) for chunk in chunks_of(text, longest)]
    found = cut_texts(texts, longest)
    assert found == expected
    assert all(0 < len(chunk) <= longest for chunk, _ in found)


groups = []


@functools.cache
def grouper(tokens):
    def compute(rows):
        noted = tf.numpy_function(
            lambda each: groups.append(each.tolist()) or each, [rows], tf.int32
        )
        noted = tf.ensure_shape(noted, (None,))
        return {"row": noted, "name": tf.strings.as_string(noted)}

    outputs = {"row": tf.TensorSpec((None,), tf.int32), "name": tf.TensorSpec((None,), tf.string)}
    return tf.function(
        lambda lengths: map_by_length(compute, lengths, tokens, outputs),
        input_signature=[tf.TensorSpec((None,), tf.int32)],
        autograph=False,
    )


@settings(deadline=None)
@given(st.lists(st.integers(1, 40), max_size=30), st.sampled_from([1, 40, 150]))
def test_groups_are_small_and_every_row_comes_back_to_its_place(lengths, tokens):
    groups.clear()
    found = grouper(tokens)(tf.constant(lengths, tf.int32))
    assert found["row"].numpy().tolist() == list(range(len(lengths)))
    assert found["name"].numpy().tolist() == [b"%d" % row for row in range(len(lengths))]
    assert sorted(row for group in groups for row in group) == list(range(len(lengths)))
    for group in groups:
        area = len(group) * max((lengths[row] for row in group), default=0)
        assert len(group) <= 1 or area <= tokens
    if lengths and max(lengths) * len(lengths) <= tokens:
        assert len(groups) == 1


def test_one_translation_for_each_text(graph):
    found = best(graph, ["abc", "", "? a", "ab. cd efgh ijkl", "-none"])
    expected = [b"abc", b"", b"? a", b"ab. cd efgh ijkl", b""]
    assert found.translations[:, 0].tolist() == expected
    lengths = [len("abc") + 1, 0, 4, np.mean([4, 9, 6]), 0]
    assert found.scores[:, 0].tolist() == pytest.approx([-length for length in lengths])
    assert found.log_probabilities[:, 0].tolist() == [-8, 0, -8, -2 * (4 + 9 + 6), 0]


def test_ranks_of_chunks_are_joined_rank_by_rank(graph):
    found = several(graph, ["abc", "? a", "ab. ?d efgh ijkl", "?b.  cd efgh"])
    assert found.translations.tolist() == [
        [b"abc", b"abc!", b"abc!!"],
        [b"? a"] * 3,
        [b"ab. ?d efgh ijkl", b"ab.! ?d efgh! ijkl!", b"ab.!! ?d efgh!! ijkl!!"],
        [b"?b. cd efgh", b"?b. cd! efgh!", b"?b. cd!! efgh!!"],
    ]
    assert found.scores[0].tolist() == [-4, -5, -6]
    assert found.scores[1].tolist() == [-4, -4, -4]
    assert np.all(np.isfinite(found.log_probabilities))


def test_an_empty_part_leaves_no_second_space(graph):
    found = best(graph, ["ab|-cdefg|jk"])
    assert found.translations.tolist() == [[b"ab| jk"]]


def test_a_batch_of_none_has_none(graph):
    found = several(graph, [])
    assert found.translations.shape == found.scores.shape == (0, OUTPUTS)
    assert scores(graph, [], []).length.shape == (0,)
    found = aligned(graph, [])
    assert found.translation.shape == (0,)
    assert found.alignment.shape == (0, 1, 1)


def test_rows_are_searched_in_groups_that_fit(graph):
    best(graph, ["abcdef gh ij kl" * 20, *"abcdefgh"])
    shapes = graph.searches.best.groups
    assert len(shapes) > 5
    assert all(rows == 1 or rows * (width - 1) <= TOKENS for rows, width in shapes)


def test_the_first_chunk_has_the_terms_of_a_text(graph):
    texts = ["abc", "", "ab. cd efgh", "abc", "?b. cd efgh"]
    found, totals = with_terms(graph, texts, ["T\t\t \tUV\t", "T", "T", " \t", "T"])
    assert found.tolist() == [
        [b"abcTUV", b"abcTUV!", b"abcTUV!!"],
        [b""] * 3,
        [b"ab.T cd efgh", b"ab.T! cd efgh!", b"ab.T!! cd efgh!!"],
        [b"abc", b"abc!", b"abc!!"],
        [b"?b.T cd efgh", b"?b.T cd efgh!", b"?b.T cd efgh!!"],
    ]
    assert totals[:, 0].tolist() == pytest.approx([-7, 0, -np.mean([5, 9]), -4, -np.mean([5, 9])])
    alone, _ = with_terms(graph, texts[2:3], ["T"])
    assert alone.tolist() == found[2:3].tolist()
    assert with_terms(graph, [], [])[0].shape == (0, OUTPUTS)


def test_terms_without_room_leave_the_whole_text_without_outputs(graph, monkeypatch):
    texts = ["abc", "abc", "-b. cd efgh", "-b. cd efgh", "abcdefg"]
    terms = ["T" * 6, "T" * 6 + "\tU", "T", "", "T" * 9 + "\tU"]
    found, totals = with_terms(graph, texts, terms)
    expected = [b"abcTTTTTT", b"", b"", b"cd efgh", b"abcdefgTTTTTTTTTU"]
    assert found[:, 0].tolist() == expected
    assert [bool(each) for each in totals[:, 0]] == [True, False, False, True, True]
    monkeypatch.setattr("seq2seq.serving.saved_model.translations.LONGEST_TERMS", 9)
    assert with_terms(graph, texts, terms)[0][:, 0].tolist() == [*expected[:4], b""]


def test_references_are_scored_whole_and_in_place(graph, monkeypatch):
    texts, references = ["abc", "", "a" * 50], ["x" * 40, "yy", ""]
    found = scores(graph, texts, references)
    assert found.length.tolist() == [41, 3, 1]
    assert found.score.tolist() == [-4, -1, -51]
    assert found.log_probability.tolist() == [-8, -2, -102]
    monkeypatch.setattr(signatures, "LONGEST_SCORED", 20)
    found = scores(graph, texts, references)
    assert found.length.tolist() == [21, 3, 1]
    assert found.score.tolist() == [-4, -1, -21]


def test_alignment_is_of_the_first_chunk_and_padded_behind_its_lengths(graph):
    found = aligned(graph, ["ab. cd efgh ijkl", "", "abcdefg"])
    assert found.translation.tolist() == [b"ab.", b"", b"abcdefg"]
    assert found.score.tolist() == [-4, 0, -8]
    assert found.source_length.tolist() == found.length.tolist() == [4, 0, 8]
    assert found.source_tokens.shape == found.tokens.shape == (3, 8)
    assert found.alignment.shape == (3, 8, 8)
    first = [b"<%d>" % (FIRST + byte) for byte in b"ab."] + [b"<3>"]
    assert found.tokens[0].tolist() == found.source_tokens[0].tolist() == first + [b""] * 4
    assert found.tokens[1].tolist() == [b""] * 8
    assert found.token_log_probabilities[0].tolist() == [-1] * 4 + [0] * 4


def test_of_endless_text_the_stated_part_is_translated(graph, monkeypatch):
    monkeypatch.setattr(translator_graph, "LONGEST_TEXT", 20)
    texts = ["abcde fgh" * 5, "abc"]
    found = best(graph, texts)
    assert found.translations[1, 0] == b"abc"
    assert found.translations[0, 0].replace(b" ", b"") == b"abcdefghabcdefghab"
    monkeypatch.setattr(translator_graph, "MOST_BYTES", 4)
    found = best(graph, texts)
    assert found.translations[:, 0].tolist() == [b"abcd", b"abc"]
