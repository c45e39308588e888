import pytest

from seq2seq.decoding.penalties import length_penalty


@pytest.mark.parametrize(
    ("length", "alpha", "expected"),
    [(1, 1.0, 1.0), (7, 1.0, 2.0), (7, 0.0, 1.0), (7, 2.0, 4.0), (19, 0.5, 2.0)],
)
def test_penalties_worked_by_hand(length, alpha, expected):
    assert float(length_penalty(length, alpha)) == pytest.approx(expected)
