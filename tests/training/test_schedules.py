import pytest

from seq2seq.training.schedules import learning_rate


def rate(schedule, step, halvings=0):
    return learning_rate(
        schedule, peak=0.8, step=step, warmup_steps=4, total_steps=104, halvings=halvings
    )


@pytest.mark.parametrize("schedule", ["cosine", "inverse_sqrt", "plateau", "constant"])
def test_every_schedule_rises_linearly_to_the_peak(schedule):
    assert [rate(schedule, step) for step in range(4)] == pytest.approx([0.2, 0.4, 0.6, 0.8])


@pytest.mark.parametrize(
    ("schedule", "step", "halvings", "expected"),
    [
        ("cosine", 4, 0, 0.8),
        ("cosine", 54, 0, 0.4),  # half-way between warm-up and end
        ("cosine", 104, 0, 0.0),
        ("cosine", 500, 0, 0.0),  # past the planned end it stays there
        ("inverse_sqrt", 15, 0, 0.4),  # sqrt(4 / 16)
        ("plateau", 50, 0, 0.8),
        ("plateau", 50, 3, 0.1),
        ("constant", 100, 3, 0.8),
    ],
)
def test_rates_worked_by_hand(schedule, step, halvings, expected):
    assert rate(schedule, step, halvings) == pytest.approx(expected)


def test_no_warm_up_starts_at_the_peak():
    found = learning_rate("cosine", peak=0.8, step=0, warmup_steps=0, total_steps=10)
    assert found == pytest.approx(0.8)
