import gzip

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seq2seq.data.pretrained_embeddings import read_vectors
from seq2seq.errors import DataError

PIECES = ["<pad>", "<unk>", "▁dog", "▁Dog", "ing", "▁", "▁cat"]


def write(path, *lines):
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def directions(found):
    """Id to vector of length 1."""
    pairs = zip(found.ids.tolist(), found.vectors, strict=True)
    return {i: (vector / np.linalg.norm(vector)).round(4).tolist() for i, vector in pairs}


def test_a_word_gives_its_vector_to_the_subword_that_begins_a_word(tmp_path):
    path = write(tmp_path / "v.txt", "dog 3 0", "ing 0 2", "bird 1 1", "cats 1 1")
    assert directions(read_vectors(path, PIECES, 2)) == {2: [1, 0], 3: [1, 0], 4: [0, 1]}


def test_the_subword_itself_goes_before_the_word_and_that_before_lower_case(tmp_path):
    lines = ("Dog 0 1", "dog 1 0", "▁dog -1 0")
    for order in (lines, lines[::-1]):
        found = directions(read_vectors(write(tmp_path / "v.txt", *order), PIECES, 2))
        assert found == {2: [-1, 0], 3: [0, 1]}


def test_a_word2vec_header_and_words_with_spaces_are_read(tmp_path):
    path = write(tmp_path / "v.txt", "3 2", "dog 3 0", "New York 1 1", "2010 0 1")
    assert set(directions(read_vectors(path, PIECES, 2))) == {2, 3}
    with gzip.open(tmp_path / "v.txt.gz", "wt") as stream:
        stream.write(path.read_text())
    assert set(directions(read_vectors(tmp_path / "v.txt.gz", PIECES, 2))) == {2, 3}


def test_vectors_are_about_as_long_as_fresh_embeddings(tmp_path):
    draw = np.random.default_rng(1).normal(size=(3, 50)) * 40
    lines = [
        f"{word} " + " ".join(map(str, row))
        for word, row in zip(("dog", "cat", "ing"), draw, strict=True)
    ]
    found = read_vectors(write(tmp_path / "v.txt", *lines), PIECES, 50)
    assert np.mean(np.sum(found.vectors**2, axis=1)) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    "lines, message",
    [
        (["dog 1 2 3"], "line 1: expected a word and 4 numbers .model.embedding_size."),
        (["dog 1 2 3 4", "cat 1 2 x 4"], "line 2: expected"),
        (["dog 1 2 3 nan"], "line 1: expected"),
        (["5 300", "dog 1 2 3 4"], "have 300 numbers; set model.embedding_size to that .it is 4."),
        (["bird 1 2 3 4"], "has a vector for none of the 7 subwords"),
        ([], "has a vector for none"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_the_line(tmp_path, lines, message):
    with pytest.raises(DataError, match=message):
        read_vectors(write(tmp_path / "v.txt", *lines), PIECES, 4)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_bytes_are_vectors_or_an_error_of_ours(tmp_path, content):
    (tmp_path / "any").write_bytes(content)
    try:
        found = read_vectors(tmp_path / "any", PIECES, 2)
    except DataError:
        return
    assert np.isfinite(found.vectors).all()
    assert found.vectors.shape == (len(found.ids), 2)
