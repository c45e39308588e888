"""Texts in sentences, and bounds of how far they are read."""

import pytest

from seq2seq.serving.server.errors import RequestError
from seq2seq.serving.server.libretranslate import texts
from seq2seq.serving.server.libretranslate.texts import lay_out_texts, sentences

MOST = 10


def counting(monkeypatch, name):
    """What `texts` reads one by one with a function, as it is read."""
    read, honest = [], getattr(texts, name)

    def noted(text):
        for each in honest(text):
            read.append(each)
            yield each

    monkeypatch.setattr(texts, name, noted)
    return read


def test_several_texts_have_so_many_sentences_together():
    laid_out = lay_out_texts(["A. B.\n\nC.", "", " ", "D. " * (MOST - 3)], False, MOST)
    assert [len(sentences(each)) for each in laid_out] == [3, 0, 0, MOST - 3]
    with pytest.raises(RequestError, match=r"request exceeds text limit \(10\)"):
        lay_out_texts(["A. B.\n\nC.", "", " ", "D. " * (MOST - 2)], False, MOST)


def test_no_more_of_a_text_is_read_than_its_sentences_may_be(monkeypatch):
    read = counting(monkeypatch, "cut_sentences")
    with pytest.raises(RequestError):
        lay_out_texts(["A. " * 5, "A. " * 1000], False, MOST)
    assert len(read) == MOST + 1


@pytest.mark.parametrize("scrap", ["A<p>", "<p>", "<b>x</b>", "<b>", "<!-- -->"])
def test_no_more_of_markup_is_read_than_its_tags_may_be(monkeypatch, scrap):
    read = counting(monkeypatch, "read_pieces")
    lay_out_texts([scrap * (MOST // scrap.count("<"))], True, MOST)
    read.clear()
    with pytest.raises(RequestError):
        lay_out_texts([scrap * 5, scrap * 1000], True, MOST)
    assert len(read) <= 2 * (MOST + 1)  # each tag, and text before it


def test_markup_has_sentences_between_its_tags_too():
    with pytest.raises(RequestError):
        lay_out_texts(["<p>" + "A. " * (MOST + 1)], True, MOST)
    (laid_out,) = lay_out_texts(["<p>" + "A. " * MOST], True, MOST)
    assert len(sentences(laid_out)) == MOST
