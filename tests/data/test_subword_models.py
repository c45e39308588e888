"""Vocabularies learnt from text: any text becomes ids and text again, graph and Python alike."""

import random
import re
import time
import unicodedata

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.config.sections import SubwordConfig
from seq2seq.data.graph_subwords import GraphSubwords
from seq2seq.data.subwords import (
    BOS,
    EOS,
    LINE_BREAKS,
    LONGEST_TRAINING_LINE,
    PAD,
    UNKNOWN,
    WORD_START,
    SpecialIds,
    Subwords,
    _with_text,
    train_subwords,
)
from seq2seq.errors import ConfigError, DataError

KINDS = ("unigram", "bpe", "word", "character")
TEXT = st.text(max_size=30)
HARD = ["", " ", "\u2581", "\0", "a\0", "<s>", "</s> <unk> <pad>", "<0x41>", "\u2028", "\ufb01\xad"]


def sentences(seed=0):
    """300 sentences of 150 words made from syllables."""
    draw = random.Random(seed)
    syllables = [c + v for c in "bdfghklmnprst" for v in ("a", "ei", "i", "o", "ü")]
    words = ["".join(draw.choices(syllables, k=draw.randint(1, 3))) for _ in range(150)]
    return [" ".join(draw.choices(words, k=draw.randint(2, 9))) + "." for _ in range(300)]


@pytest.fixture(scope="module")
def models():
    return {
        kind: train_subwords(sentences(), SubwordConfig(kind=kind, vocabulary_size=360))
        for kind in KINDS
    }


@pytest.fixture(scope="module")
def graphs(models):
    return {kind: GraphSubwords(model) for kind, model in models.items()}


@pytest.fixture(params=KINDS, scope="module")
def model(request, models):
    return models[request.param]


@pytest.fixture(params=KINDS, scope="module")
def pair(request, models, graphs):
    """The same vocabulary in Python and in the graph."""
    return models[request.param], graphs[request.param]


def spaced(text):
    """Normalised text as it reads: SentencePiece writes a space as WORD_START."""
    return text.replace(WORD_START, " ").strip(" ")


@settings(deadline=None, max_examples=200)
@given(TEXT)
def test_any_text_survives_encoding_up_to_normalisation(models, text):
    for model in models.values():
        expected = "" if text.isspace() else spaced(model.normalize(text))
        assert model.decode(model.encode(text)) == expected


def test_white_space_alone_is_blank_in_python_and_in_the_graph(pair):
    """U+0085 too, which the normaliser leaves, so that it would be three bytes."""
    model, graph = pair
    white = [chr(code) for code in range(0x110000) if chr(code).isspace()]
    texts = [*white, "".join(white), *(f"{space}ein{space}" for space in white)]
    ids = graph.encode(tf.constant(texts)).to_list()
    assert ids == model.encode_all(texts) == [model.encode(text) for text in texts]
    assert [bool(row) for row in ids] == [not text.isspace() for text in texts]


@settings(deadline=None, max_examples=200)
@given(st.text(st.characters(max_codepoint=0x52F, categories=["L", "N", "Zs"]), max_size=30))
def test_normalisation_of_letters_is_nfkc_with_one_space_between_words(models, text):
    expected = " ".join(unicodedata.normalize("NFKC", text).split())
    assert {spaced(model.normalize(text)) for model in models.values()} == {expected}


NORMALIZATIONS = ("nmt_nfkc", "nfkc", "nmt_nfkc_cf", "nfkc_cf", "identity")
SYMBOLS = ("V;PST", "<2fr>")
LOSSY = [  # what nmt_nfkc makes one of
    "\u0645\u06cc\u200c\u0631\u0648\u0645",  # Persian, with its zero-width non-joiner
    "p\u02b0\u026a\u02b0",  # IPA, aspirated
    "\u0939\u093f\u0928\u094d\u0926\u0940 \u0958",  # Devanagari
    "e\u0301 \u00e9 a\u0328\u0301",  # combining marks
    "two  spaces",
    "\ufb01 \u3000 \u00a0 \u2460 \uff21",
]


@pytest.fixture(scope="module")
def normalizing():
    """A vocabulary of each normalisation, with symbols, and its tokenizer in the graph."""
    found = {}
    for name in NORMALIZATIONS:
        config = SubwordConfig(vocabulary_size=360, normalization=name, symbols=SYMBOLS)
        model = train_subwords(sentences(), config)
        found[name] = model, GraphSubwords(model)
    return found


@settings(deadline=None, max_examples=200)
@given(st.one_of(TEXT, st.sampled_from(LOSSY)))
def test_under_identity_any_text_comes_back(normalizing, text):
    model, graph = normalizing["identity"]
    ids = model.encode(text)
    expected = "" if text.isspace() else spaced(text)
    assert model.decode(ids) == expected
    in_graph = graph.encode(tf.constant([text]))
    assert in_graph.to_list() == [ids]
    assert graph.decode(in_graph).numpy()[0].decode() == expected


@pytest.mark.parametrize("text", LOSSY)
def test_the_default_normalisation_changes_what_identity_keeps(normalizing, text):
    model, _ = normalizing["nmt_nfkc"]
    assert model.decode(model.encode(text)) != text


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_the_graph_normalises_as_python_does(normalizing, name):
    model, graph = normalizing[name]
    texts = [*LOSSY, "Ein HUND V;PST", "<2fr>\u00c4rger"]
    assert graph.encode(tf.constant(texts)).to_list() == [model.encode(text) for text in texts]
    assert model.decode(model.encode("HUND")) == ("hund" if name.endswith("cf") else "HUND")


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_a_symbol_is_one_subword_wherever_it_stands(normalizing, name):
    model, _ = normalizing[name]
    for text in ("V;PST hund", "hund V;PST", "hundV;PSTei"):
        assert model.pieces(model.encode(text)).count("V;PST") == 1
        assert model.decode(model.encode(text)) == text
    assert model.pieces(range(4, 260)) == [f"<0x{byte:02X}>" for byte in range(256)]
    assert tuple(model.pieces(range(260, 262))) == SYMBOLS


@pytest.mark.parametrize("symbols", [["a b"], [""], ["<s>"], ["<0x41>"], ["x", "x"], ["\u2581"]])
def test_symbols_that_cannot_be_are_refused_by_name(symbols):
    with pytest.raises(ValueError, match="symbols"):
        SubwordConfig(symbols=symbols)


def test_an_unseen_script_survives_through_bytes(model):
    assert model.decode(model.encode("犬が Ωmega 🐕 runs")) == "犬が Ωmega 🐕 runs"
    assert model.pieces(model.encode("犬"))[-3:] == ["<0xE7>", "<0x8A>", "<0xAC>"]


@settings(deadline=None, max_examples=200)
@given(st.one_of(TEXT, st.sampled_from(HARD)))
def test_no_text_becomes_a_special_id(models, text):
    for model in models.values():
        assert not {PAD, UNKNOWN, BOS, EOS} & set(model.encode(text))
        assert max(model.encode(text), default=0) < model.size


def test_line_breaks_are_the_byte_pieces_that_a_search_must_not_write(model):
    assert model.pieces(LINE_BREAKS) == ["<0x00>", "<0x0A>", "<0x0D>"]


def test_special_ids_come_first_and_are_left_out_of_text(model):
    assert (PAD, UNKNOWN, BOS, EOS) == (0, 1, 2, 3)
    assert SpecialIds() == SpecialIds(pad=0, unknown=1, bos=2, eos=3)
    assert model.pieces(range(4)) == ["<pad>", "<unk>", "<s>", "</s>"]
    ids = model.encode("ein hund")
    assert model.decode([BOS, *ids, EOS, PAD, PAD]) == model.decode(ids) == "ein hund"


def test_a_loaded_model_gives_the_ids_of_the_trained_one(model, tmp_path):
    path = tmp_path / "subwords.model"
    path.write_bytes(model.model)
    text = sentences()[0]
    assert Subwords.load(path).encode(text) == model.encode(text)
    assert Subwords.load(path).size == model.size


@settings(deadline=None, max_examples=100)
@given(st.lists(st.one_of(TEXT, st.sampled_from(HARD)), min_size=1, max_size=8))
def test_the_graph_gives_the_ids_and_the_text_of_python(models, graphs, texts):
    for kind in KINDS:
        ids = graphs[kind].encode(tf.constant(texts))
        assert ids.to_list() == [models[kind].encode(text) for text in texts]
        written = [text.decode() for text in graphs[kind].decode(ids).numpy()]
        assert written == [models[kind].decode(row) for row in ids.to_list()]


def test_the_graph_of_another_model_gives_other_ids(pair):
    model, graph = pair
    config = SubwordConfig(kind="unigram", vocabulary_size=340)
    other = GraphSubwords(train_subwords(sentences(seed=1), config))
    texts = sentences()[:5]
    assert graph.encode(tf.constant(texts)).to_list() == [model.encode(text) for text in texts]
    assert other.encode(tf.constant(texts)).to_list() != [model.encode(text) for text in texts]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.lists(st.integers(0, 269), max_size=8), min_size=1, max_size=8))
def test_any_ids_have_the_same_text_in_the_graph_as_in_python(models, graphs, rows):
    for kind in KINDS:
        ids = tf.ragged.constant(rows, dtype=tf.int32, ragged_rank=1)
        written = [text.decode() for text in graphs[kind].decode(ids).numpy()]
        assert written == [models[kind].decode(row) for row in rows]


def test_half_a_surrogate_pair_is_read_as_a_replacement_character(model):
    """Text from JSON may have one; SentencePiece takes none."""
    assert model.encode("a \ud800 b") == model.encode("a \ufffd b")
    assert model.encode_all(["\ud83d\ude00"]) == [model.encode("\U0001f600")]


def test_broken_byte_sequences_become_replacement_characters(model):
    byte = {piece: number for number, piece in enumerate(model.pieces(range(270)))}
    assert model.decode([byte["<0xE7>"], byte["<0x41>"]]) == "\ufffdA"


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_a_vocabulary_too_large_for_the_text_is_refused_with_the_largest_that_works(kind):
    message = "subwords.vocabulary_size: 20000 is more than this corpus allows; set it to "
    with pytest.raises(ConfigError, match=message) as caught:
        train_subwords(sentences(), SubwordConfig(kind=kind, vocabulary_size=20000))
    largest = int(re.search(r"set it to (\d+) or less", str(caught.value))[1])
    fits = SubwordConfig(kind=kind, vocabulary_size=largest)
    assert train_subwords(sentences(), fits).size == largest
    with pytest.raises(ConfigError, match=f"{largest + 1} is more than this corpus allows"):
        train_subwords(sentences(), SubwordConfig(kind=kind, vocabulary_size=largest + 1))


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_a_vocabulary_too_small_for_the_characters_is_refused_with_a_bound_that_works(kind):
    message = "subwords.vocabulary_size: 270 is too small for this corpus's characters"
    with pytest.raises(ConfigError, match=message) as caught:
        train_subwords(sentences(), SubwordConfig(kind=kind, vocabulary_size=270))
    bound = int(re.search(r"set it to more than (\d+)", str(caught.value))[1])
    fits = SubwordConfig(kind=kind, vocabulary_size=bound + 1)
    assert train_subwords(sentences(), fits).size == bound + 1


@pytest.mark.parametrize("kind", ["word", "character"])
def test_words_and_characters_are_as_many_as_there_are(kind):
    config = SubwordConfig(kind=kind, vocabulary_size=20000)
    text = ["ab ba ab", "ba"]  # 2 words; 2 letters and the start of a word
    assert train_subwords(text, config).size == 4 + 256 + {"word": 2, "character": 3}[kind]


@pytest.mark.parametrize("lines", [[], ["", " ", "\u3000\t"], ["\0", " \0 "]])
def test_files_without_text_are_refused(lines):
    with pytest.raises(DataError, match="the training files hold no text"):
        train_subwords(lines, SubwordConfig())


def test_a_mistake_in_the_files_reaches_the_caller():
    def lines():
        yield "a line"
        raise DataError("a.en has 1 lines but a.de has 2")

    with pytest.raises(DataError, match="a.en has 1 lines"):
        train_subwords(lines(), SubwordConfig())


def test_a_nul_in_the_text_hides_nothing_that_follows():
    config = SubwordConfig(vocabulary_size=360)
    learnt = train_subwords([f"x\0{line}" for line in sentences()], config)
    assert len(learnt.encode(sentences()[0])) < len(sentences()[0]) / 2


@settings(deadline=None)
@given(st.lists(st.text(max_size=9) | st.integers(400, 1200).map("x".__mul__), max_size=60))
def test_long_lines_are_trained_on_in_pieces_that_lose_nothing_but_space(words):
    line = " ".join(words)
    pieces = list(_with_text(["text", line]))[1:]
    assert all(len(piece) <= LONGEST_TRAINING_LINE for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(line.replace("\0", " ").split())
    if len(line.strip()) <= LONGEST_TRAINING_LINE:
        assert len(pieces) <= 1
    elif max(map(len, line.replace("\0", " ").split())) <= LONGEST_TRAINING_LINE:
        assert " ".join(pieces).split() == line.replace("\0", " ").split()  # no word is cut


def test_training_time_does_not_grow_with_the_square_of_a_line():
    long = " ".join([*sentences(), *["zoowal"] * 300] * 40)  # 12,000 sentences in one line
    started = time.process_time()
    found = train_subwords([*sentences(), long], SubwordConfig(vocabulary_size=360))
    assert time.process_time() - started < 20  # minutes, if the line is not cut
    without = train_subwords(sentences(), SubwordConfig(vocabulary_size=360))
    assert len(found.encode("zoowal")) < len(without.encode("zoowal"))  # it is not left out


CLOSED = ["h e l l o", "HH AH L OW", "ʰ ʼ V;PST"] * 3


@pytest.fixture(params=["word", "character"], scope="module")
def closed(request):
    """A vocabulary without bytes, and its tokenizer in the graph."""
    config = SubwordConfig(
        kind=request.param, vocabulary_size=5 + 99, normalization="identity", byte_fallback=False
    )
    model = train_subwords(CLOSED, config)
    return model, GraphSubwords(model)


def test_without_bytes_a_vocabulary_is_what_the_text_has(closed):
    model, graph = closed
    symbols = {"▁" + word for line in CLOSED for word in line.split()}
    if symbols != set(model.written_pieces()):  # of characters
        symbols = {"▁", *"".join(CLOSED).replace(" ", "")}
    assert set(model.written_pieces()) == symbols
    assert model.size == 4 + len(symbols) == model.first_text + len(symbols)
    for line in CLOSED:
        assert model.decode(model.encode(line)) == line
        assert UNKNOWN not in model.encode(line)
    assert graph.encode(tf.constant(CLOSED)).to_list() == model.encode_all(CLOSED)
    if "▁h" in symbols:  # of words, which space parts however wide it is
        assert model.encode(" h  e ") == model.encode("h e")
    assert set(model.unwritten) == {PAD, UNKNOWN, BOS}  # all else may be an output


def test_without_bytes_what_is_not_in_the_text_is_unknown(closed):
    model, graph = closed
    texts = ["h q l", "犬", "HH \0 OW", "<0x41>"]
    found = model.encode_all(texts)
    assert all(UNKNOWN in ids and "\u2047" in model.decode(ids) for ids in found)
    assert graph.encode(tf.constant(texts)).to_list() == found
    assert model.encode_known(["h e", ""]) == model.encode_all(["h e", ""])
    with pytest.raises(DataError, match="h q has a symbol that the run's vocabulary lacks"):
        model.encode_known(["h e", "h q"])


def test_with_bytes_nothing_is_unknown(model):
    assert model.first_text == 260
    assert set(model.unwritten) == {PAD, UNKNOWN, BOS, *LINE_BREAKS}
    assert model.encode_known(["犬"]) == [model.encode("犬")]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"byte_fallback": False}, "byte_fallback: false needs kind: word or character"),
        ({"vocabulary_size": 260}, "vocabulary_size: Input should be greater than or equal to 261"),
        ({"kind": "word", "byte_fallback": False, "vocabulary_size": 4}, "vocabulary_size"),
    ],
)
def test_vocabularies_that_cannot_be_are_refused(settings, complaint):
    with pytest.raises(ValueError, match=complaint):
        SubwordConfig(**settings)
