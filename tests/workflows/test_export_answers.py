"""What an export is checked with: example texts, and which of them are no examples."""

import pytest
from conftest import miniature_settings
from exported_model import LONGEST, exported_model

from seq2seq.data.lines import read_lines
from seq2seq.errors import ExportError
from seq2seq.run_folder import RunFolder
from seq2seq.serving.saved_model.expected_answers import Answer
from seq2seq.serving.saved_model.tensors import as_array
from seq2seq.workflows.export_answers import find_ties, without
from seq2seq.workflows.export_examples import MOST, example_texts


@pytest.fixture(scope="module")
def exported(request):
    return exported_model(request)


@pytest.fixture(scope="module")
def run(exported):
    return RunFolder.open(exported.run)


def test_without_its_corpus_a_run_is_checked_on_its_own_subwords(tmp_path, run):
    subwords = run.subwords()
    texts = example_texts(miniature_settings(tmp_path / "gone"), subwords)
    assert MOST / 2 < len(texts) <= MOST
    assert all(text.strip() for text in texts)
    lengths = [len(subwords.encode(text)) for text in texts]
    assert 0 < min(lengths) < max(lengths) <= LONGEST
    assert texts == example_texts(miniature_settings(tmp_path / "gone"), subwords)


def test_examples_are_taken_from_all_over_the_evaluation_text(run):
    config = run.config()
    texts = example_texts(config, run.subwords())
    assert MOST / 2 < len(texts) <= MOST
    validation, test = (
        set(read_lines(path)) for path in (config.data.validation_source, config.data.test_source)
    )
    assert set(texts) <= validation | test
    assert set(texts) & validation - test and set(texts) & test - validation


def answer(translations, scores):
    outputs = {
        "translation": as_array(translations, "string"),
        "score": as_array(scores, "float32"),
    }
    return Answer("translate", {"text": as_array(["a", "b", "c"], "string")}, outputs)


def graph(translations, scores):
    """Answers to the same texts by signature and inputs."""
    outputs = answer(translations, scores).outputs
    return lambda signature, inputs: outputs if signature == "translate" else {}


def test_only_equal_scores_make_a_tie():
    recorded = [answer(["A", "B", "C"], [-1, -2, -3])]
    assert find_ties(recorded, graph(["A", "B", "C"], [-1, -2, -3])) == set()
    assert find_ties(recorded, graph(["A", "b", "C"], [-1, -2.00001, -3])) == {b"b"}
    assert find_ties(recorded, graph(["A", "b", "C"], [-1, -2.1, -3])) == set()
    with pytest.raises(ExportError, match="2 of 3 texts otherwise than the run, e.g. 'a'"):
        find_ties(recorded, graph(["a", "b", "C"], [-1, -2, -3]))


def test_answers_to_ties_are_left_out_and_all_others_stay():
    (kept,) = without({b"b"}, [answer(["A", "B", "C"], [-1, -2, -3])])
    assert kept.inputs["text"].tolist() == [b"a", b"c"]
    assert kept.outputs["translation"].tolist() == [b"A", b"C"]
    assert kept.outputs["score"].tolist() == [-1, -3]
