"""What the comparison of an exported model with the search in memory lets pass."""

import numpy as np
import pytest

from seq2seq.errors import ExportError
from seq2seq.serving.portable.parity import SCORE_BOUND, TIE_BOUND, Example, Output, compare

EOS = 3


def example(*outputs):
    """A sentence of one subword; its tokens have -1 nats each, its attention is on the first."""
    return Example(
        "text",
        [5, EOS],
        [
            Output([ids, EOS], score, 2 * score, np.full(2, -1.0), np.array([[1.0, 0.0]] * 2))
            for ids, score in outputs
        ],
    )


def answering(*outputs):
    """A model that gives the same for each sentence; an id 0 is no output."""

    def search(source_ids):
        lengths = [2 if ids else 0 for ids, _ in outputs]
        fields = {
            "ids": [[ids, EOS if ids else 0, 0] for ids, _ in outputs],
            "lengths": lengths,
            "scores": [score for _, score in outputs],
            "log_probabilities": [2 * score for _, score in outputs],
            "token_log_probabilities": [
                [-1.0, -1.0, 0.0] if ids else [0.0] * 3 for ids, _ in outputs
            ],
            "attention": [
                [[1.0, 0, 0], [1.0, 0, 0], [0.0] * 3] if ids else [[0.0] * 3] * 3
                for ids, _ in outputs
            ],
        }
        return {name: np.array([values] * len(source_ids)) for name, values in fields.items()}

    return search


def test_answers_within_the_bounds_are_counted():
    expected = example((7, -1.0), (8, -2.0), (9, -3.0))
    found = compare(answering((7, -1.0 - SCORE_BOUND / 2), (8, -2.0)), [expected] * 5, 2, (1, 3))
    assert (found.sentences, found.outputs, found.ties) == (5, 20, 0)
    assert found.largest_score_difference == pytest.approx(SCORE_BOUND / 2)


def test_outputs_may_change_places_where_their_scores_tie():
    tie = example((7, -1.0), (8, -1.0 - TIE_BOUND / 2), (9, -1.0 - TIE_BOUND * 2))
    assert compare(answering((8, -1.0)), [tie], 1, (1,)).ties == 1
    assert compare(answering((8, -1.0), (7, -1.0)), [tie], 2, (1,)).ties == 2
    with pytest.raises(ExportError, match=r"output 1: its ids are \[9, 3\] instead of \[7, 3\]"):
        compare(answering((9, -1.0)), [tie], 1, (1,))
    with pytest.raises(ExportError, match="its score is -2.0 instead of -1.0"):
        compare(answering((8, -2.0)), [tie], 1, (1,))


@pytest.mark.parametrize(
    "found, message",
    [
        ((7, -1.0 - 2 * SCORE_BOUND), "its score is"),
        ((7, float("nan")), "its score is nan instead of -1.0"),
        ((6, -1.0), r"its ids are \[6, 3\] instead of \[7, 3\]"),
        ((0, -1.0), "there are 0 outputs instead of 1"),
    ],
)
def test_answers_beyond_the_bounds_are_refused(found, message):
    expected = example((7, -1.0), (8, -2.0))
    compare(answering((7, -1.0)), [expected], 1, (1,))  # the control
    with pytest.raises(ExportError, match=message):
        compare(answering(found), [expected], 1, (1,))


def test_ids_behind_the_end_are_refused():
    def search(source_ids):
        fields = answering((7, -1.0))(source_ids)
        fields["ids"][:, :, 2] = 7
        return fields

    with pytest.raises(ExportError, match="ids behind its 2 are not all padding"):
        compare(search, [example((7, -1.0))], 1, (1,))


def test_log_probabilities_are_compared_too():
    def search(source_ids):
        fields = answering((7, -1.0))(source_ids)
        return fields | {"log_probabilities": fields["log_probabilities"] - 1}

    with pytest.raises(ExportError, match="its log-probability is -3.0 instead of -2.0"):
        compare(search, [example((7, -1.0))], 1, (1,))


@pytest.mark.parametrize(
    "name, place, message",
    [
        ("token_log_probabilities", (0, 0, 1), "its token log probabilities differ by 1.0"),
        ("attention", (0, 0, 1, 1), "its attention differ by 1.0"),
        ("token_log_probabilities", (0, 0, 2), "what stands behind its 2 ids is not all 0"),
        ("attention", (0, 0, 2, 0), "what stands behind its 2 ids is not all 0"),
    ],
)
def test_what_is_said_of_tokens_is_compared(name, place, message):
    def search(source_ids):
        fields = answering((7, -1.0))(source_ids)
        fields[name][place] += 1
        return fields

    with pytest.raises(ExportError, match=message):
        compare(search, [example((7, -1.0))], 1, (1,))
