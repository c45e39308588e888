import pytest
from conftest import write_corpus

import seq2seq
from seq2seq.data.lines import read_lines, write_lines
from seq2seq.errors import DataError
from seq2seq.workflows.evaluate import evaluate


def test_a_translators_own_output_as_reference_scores_100(trained_run, tmp_path):
    folder = write_corpus(tmp_path, train=5, others=12)
    source, reference = folder / "test.en", tmp_path / "reference.de"
    translator = seq2seq.load(str(trained_run))
    write_lines(reference, translator.translate(list(read_lines(source))))
    scores = evaluate(trained_run, source, reference)
    assert (scores.bleu, scores.chrf, scores.ter) == (100, 100, 0)
    # Control: the real references score less.
    assert evaluate(trained_run, source, folder / "test.de").bleu < 100


def test_unequal_files_are_refused_with_their_counts(trained_run, tmp_path):
    write_lines(tmp_path / "a.en", ["One.", "Two."])
    write_lines(tmp_path / "a.de", ["Eins."])
    with pytest.raises(DataError, match="a.en has 2 lines but .*a.de has 1"):
        evaluate(trained_run, tmp_path / "a.en", tmp_path / "a.de")
