"""Translations that begin with a given prefix."""

import numpy as np
import pytest
import tensorflow as tf
from command_line import fails
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from loaded import loaded

from seq2seq.cli.main import main
from seq2seq.data.graph_subwords import GraphSubwords
from seq2seq.data.subwords import WORD_START
from seq2seq.decoding.forced_tokens import FREE, NEW_WORD
from seq2seq.errors import DataError
from seq2seq.translation.serving_graph import readable

TEXTS = ["The dog sleeps in the garden.", "Today she reads the book.", "Max is tired"]


@pytest.fixture(scope="module")
def translator(trained_run):
    return loaded(trained_run)


@pytest.fixture(scope="module")
def pieces(translator):
    return translator.subwords.pieces(range(translator.subwords.size))


def begins(translator, output, prefix):
    wanted = translator.subwords.normalize(prefix).replace(WORD_START, " ").strip(" ")
    return output.startswith(wanted)


words = st.sampled_from(["Der Hund", "Heu", "im ", "Zwölf 😀 ", "ﬁ", "das B", " \u3000", "…", "x"])
prefixes = st.lists(words | st.text(max_size=6), max_size=3).map("".join)


@settings(max_examples=25, deadline=None)
@given(st.lists(prefixes, min_size=3, max_size=3))
def test_any_text_that_fits_is_what_the_translation_begins_with(translator, some):
    try:
        found = translator.translate(TEXTS, prefix=some)
    except DataError:
        return
    for text, prefix in zip(found, some, strict=True):
        assert begins(translator, text, prefix)
    alone = [translator.translate([TEXTS[row]], prefix=some[row])[0] for row in range(3)]
    assert found == alone


def test_a_prefix_that_breaks_a_line_is_refused(translator):
    with pytest.raises(DataError, match="or one that breaks a line; it is never written"):
        translator.translate(TEXTS, prefix="Der\0")


def test_the_score_of_what_was_forced_is_what_the_network_gives_it(translator):
    found = [each[0] for each in translator.search(TEXTS, prefix=["Ein K", "Heute ", "Z 😀"])]
    scored = translator.score_ids([(each.source_ids, each.ids) for each in found])
    for one, other in zip(found, scored, strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-4)
        np.testing.assert_allclose(
            one.token_log_probabilities, other.token_log_probabilities, atol=1e-4
        )
    best = [each[0] for each in translator.search(TEXTS)]  # control: nothing is better than free
    assert all(free.score > one.score for free, one in zip(best[::2], found[::2], strict=True))


def test_nothing_to_force_is_no_prefix(translator):
    plain = translator.translate(TEXTS)
    for nothing in (None, "", " \t", ["", " ", ""]):
        assert translator.translate(TEXTS, prefix=nothing) == plain
    assert translator.translate(TEXTS, prefix=["", "Er", ""])[::2] == plain[::2]
    assert translator.translate(TEXTS, prefix="Er") != plain


def test_an_unfinished_word_is_finished_and_a_finished_one_is_not(translator, pieces):
    """The beginning of a subword that would be said anyway leads to it."""
    texts = [*TEXTS, "The old man buys bread.", "We read a letter."]
    tried = 0
    for text, outputs in zip(texts, translator.search(texts), strict=True):
        whole, first = translator.subwords.decode(outputs[0].ids), pieces[outputs[0].ids[0]]
        begun = first.strip(WORD_START)[:-1]
        if len(begun) > 1:
            tried += 1
            assert translator.translate([text], prefix=begun) == [whole]
            led = translator.translate([text], prefix=f"{begun} ")[0]
            assert led == begun or led.startswith(f"{begun} ")
    assert tried


def test_blank_texts_stay_blank_and_bad_prefixes_are_refused(translator):
    assert translator.translate(["", TEXTS[0]], prefix="Er")[0] == ""
    with pytest.raises(DataError, match=r"prefix of text 2 has \d+ subwords, but .* at most"):
        translator.translate(TEXTS, prefix=["", "x " * 300, ""])
    with pytest.raises(ValueError, match="2 prefixes for 3 texts"):
        translator.translate(TEXTS, prefix=["a", "b"])


def test_of_a_line_that_is_split_the_first_part_has_the_prefix(translator):
    line = " ".join(TEXTS[:2] * 30)
    found = translator.translate([line], prefix="Zwei ")[0]
    assert found.startswith("Zwei ") and found.count("Zwei") == 1


@settings(max_examples=50, deadline=None)
@given(st.lists(prefixes, min_size=1, max_size=4))
def test_places_name_the_subwords_that_complete_a_last_word(translator, pieces, texts):
    try:
        places = translator.prefixes.of_texts(texts)
    except DataError:  # bytes that would break a line
        reject()
    ranks = translator.prefixes.ranks[: len(pieces)]
    for text, row in zip(texts, places, strict=True):
        ids = translator.subwords.encode(text)
        assert row[: len(ids), 0].tolist() == ids
        starts = [place for place, i in enumerate(ids) if pieces[i].startswith(WORD_START)]
        spaced = text != text.rstrip()
        assert (row[len(ids) :, 0] == NEW_WORD).sum() == (bool(ids) and spaced)
        for place in range(len(row)):
            first, end = row[place, 1:]
            completing = {i for i, rank in enumerate(ranks) if first <= rank < end}
            if row[place, 0] == FREE or (place < len(ids) and (spaced or place < starts[-1])):
                wanted = set()
            else:
                rest = "".join(pieces[i] for i in ids[place:]) or WORD_START
                wanted = {i for i, each in enumerate(pieces) if i >= 260 and each.startswith(rest)}
            assert completing == wanted


def test_places_in_a_graph_are_those_outside(translator):
    texts = ["", " ", "Der Hu", "Der Hund ", "a\u00a0", "😀", "ein\u2028", "zwei\v", "x\x1c", "Ü b"]
    encoder = GraphSubwords(translator.subwords)
    found = translator.prefixes.of_tensors(
        readable(tf.constant(texts)), encoder.encode(tf.constant(texts))
    )
    np.testing.assert_array_equal(found, translator.prefixes.of_texts(texts))


def test_the_command_forces_one_prefix_or_one_a_line(trained_run, translator, tmp_path):
    source, some = tmp_path / "source.txt", tmp_path / "prefixes.txt"
    source.write_text("\n".join(TEXTS) + "\n")
    some.write_text("Er \n\nSie\n")

    def written(*options):
        job = ("translate", trained_run, source, "-o", tmp_path / "out.txt", *options)
        main([str(each) for each in job])
        return (tmp_path / "out.txt").read_text().splitlines()

    assert written("--prefix", "Sie ") == translator.translate(TEXTS, prefix="Sie ")
    each = translator.translate(TEXTS, prefix=["Er ", "", "Sie"])
    assert written("--prefix-file", some) == each
    some.write_text("Er\n")
    line = fails("translate", trained_run, source, "--prefix-file", some)
    assert "source.txt has 3 lines but" in line and "has 1; parallel files need" in line
    line = fails("translate", "--server", "http://127.0.0.1:1", "--prefix", "Er")
    assert "--server goes with" in line
