"""The long-range test: its table, its records, and that it tells cells apart."""

import io
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.quality import long_range_training
from benchmarks.quality.long_range import TASKS, Plan, Records, run
from benchmarks.quality.long_range_report import Cell, draw, markdown
from benchmarks.quality.long_range_training import (
    WINDOW,
    Measured,
    Network,
    Recipe,
    accuracy,
    build_network,
    measure,
    train,
)
from data_prep.memory_tasks import PAD, CopyTask
from seq2seq.inspection.figures.picture import save

CHANCES = {name: task.chance for name, task in TASKS.items()}
SMALL = Recipe(units=4, steps=2, batch=3, tested=5)
share = st.floats(0, 1)
axes = st.lists(st.integers(10, 500), min_size=1, max_size=5, unique=True)


def cells_of(names, distances, accuracies, way="staged", task="copying"):
    places = itertools.product(names, distances, range(len(accuracies)))
    return [
        Cell(task, way, name, seed, distance, accuracies[seed], 9, 1.0)
        for name, distance, seed in places
    ]


@settings(deadline=None)
@given(axes, st.lists(share, min_size=1, max_size=5), st.randoms())
def test_the_table_shows_every_kind_at_every_distance_with_its_range(distances, shares, random):
    cells = cells_of(["gru", "lstm"], distances, shares)
    others = cells[1:]
    random.shuffle(others)
    title, _, heading, rule, *rows = markdown([cells[0], *others], CHANCES).splitlines()
    assert title == "Copying, begun at short distances:"
    assert heading == f"| cell | {' | '.join(map(str, sorted(distances)))} |"
    assert {line.count("|") for line in (heading, rule, *rows)} == {len(distances) + 2}
    assert [row.split()[1] for row in rows] == ["gru", "lstm", "chance"]
    lowest, highest = 100 * min(shares), 100 * max(shares)
    for row in rows[:-1]:
        for text in row.split(" | ")[1:]:
            assert f"({lowest:.1f} to {highest:.1f})" in text
    assert rows[-1].count("12.5") == len(distances)


def test_the_middle_of_three_seeds_is_the_median():
    cells = cells_of(["lstm"], [10], [0.2, 1.0, 0.9])
    assert "| lstm | 90.0 (20.0 to 100.0) |" in markdown(cells, CHANCES)
    # Without the best, it is another.
    assert "| lstm | 55.0 (20.0 to 90.0) |" in markdown([cells[0], cells[2]], CHANCES)


def test_a_kind_that_is_not_measured_yet_leaves_its_cell_empty():
    cells = [*cells_of(["gru"], [10, 20], [0.5]), *cells_of(["lstm"], [10], [0.5])]
    assert "| lstm | 50.0 (50.0 to 50.0) |  |" in markdown(cells, CHANCES)


def test_each_way_of_training_has_its_table_and_its_panel():
    afresh = cells_of(["gru", "lstm", "lstm, open gate"], [10, 20], [0.25], "afresh")
    cells = [*cells_of(["gru", "lstm"], [10, 20], [0.5]), *afresh]
    tables = markdown(cells, CHANCES)
    assert tables.index("short distances") < tables.index("| lstm | 50.0")
    assert tables.index("| lstm | 50.0") < tables.index("fresh weights") < tables.index("25.0")
    staged, fresh = draw(cells, CHANCES).axes
    names = [container.get_label() for container in fresh.containers]
    assert names == ["gru", "lstm", "lstm, open gate"]
    assert len(staged.containers) == 2
    styles = [axes.containers[1].lines[0].get_marker() for axes in (staged, fresh)]
    assert styles[0] == styles[1]  # one network looks alike in both


def test_each_task_has_its_tables_and_its_row_of_panels():
    order = cells_of(["gru"], [10, 20], [0.75], task="order")
    cells = [*cells_of(["gru"], [10, 20], [0.5]), *order]
    tables = markdown(cells, CHANCES)
    assert tables.index("Copying") < tables.index("12.5") < tables.index("Order")
    assert tables.index("Order") < tables.index("25.0")
    copying, order = draw(cells, CHANCES).axes
    assert [each.get_title() for each in (copying, order)] == [
        "copying, begun at short distances",
        "order, begun at short distances",
    ]


def test_the_figure_has_a_curve_for_each_kind_and_no_colour():
    figure = draw(cells_of(["gru", "lstm"], [10, 100], [0.5, 0.75]), CHANCES)
    (axes,) = figure.axes
    lines = [container.lines[0] for container in axes.containers]
    assert [container.get_label() for container in axes.containers] == ["gru", "lstm"]
    assert [list(line.get_ydata()) for line in lines] == [[62.5, 62.5]] * 2
    assert len({line.get_marker() for line in lines}) == 2
    assert len({line.get_linestyle() for line in lines}) == 2
    assert any(list(line.get_ydata()) == [12.5, 12.5] for line in axes.lines)
    stream = io.BytesIO()
    save(figure, stream, "png")
    stream.seek(0)
    from PIL import Image

    pixels = np.asarray(Image.open(stream).convert("RGB")).astype(int)
    assert (pixels.max(axis=-1) - pixels.min(axis=-1)).max() < 16
    assert pixels.min() < 64  # control: something was drawn


@pytest.fixture
def trained(monkeypatch):
    """Training that takes no time and may be interrupted; gives what was trained."""
    calls = []

    def stages(cell, way, distances, seed, task, recipe):
        for distance in distances:
            calls.append((way, cell.name, distance))
            yield Measured(distance, 0.5, 9, 1.0)
            if len(calls) == 3:
                raise KeyboardInterrupt

    monkeypatch.setattr(long_range_training, "measure", stages)
    return calls


@pytest.mark.long
def test_an_interrupted_command_goes_on_with_the_networks_that_are_unfinished(tmp_path, trained):
    plan = Plan(distances=(10, 20), seeds=(1,), steps=None, tasks=("copying",))
    with pytest.raises(KeyboardInterrupt):
        run(plan, tmp_path)
    assert "| gru | 50.0 (50.0 to 50.0) |  |" in (tmp_path / "table.md").read_text()
    assert (tmp_path / "figure.png").stat().st_size
    table = run(plan, tmp_path)
    first = [("staged", "simple_rnn", 10), ("staged", "simple_rnn", 20), ("staged", "gru", 10)]
    assert trained[:5] == [*first, ("staged", "gru", 10), ("staged", "gru", 20)]
    assert len(trained) == len(first) + 2 * 9  # 3 more staged ones, 6 afresh
    assert ("afresh", "lstm, open gate", 20) in trained
    assert (tmp_path / "table.md").read_text() == table
    assert table.count("50.0 (50.0 to 50.0)") == 20
    # Control: another recipe's cells are not taken for this one's.
    run(Plan((10, 20), (1,), steps=7, tasks=("copying",)), tmp_path)
    assert len(trained) == 21 + 20


def test_a_cell_measured_again_replaces_the_earlier_one(tmp_path):
    records = Records(tmp_path / "cells.jsonl", {"distances": (10,)})
    records.add(Cell("copying", "staged", "lstm", 1, 10, 0.5, 9, 1.0))
    records.add(Cell("copying", "staged", "lstm", 1, 10, 0.75, 9, 1.0))
    assert [cell.accuracy for cell in records.cells] == [0.75]
    assert Records(tmp_path / "cells.jsonl", {"distances": (10,)}).cells == records.cells
    assert not Records(tmp_path / "cells.jsonl", {"distances": (20,)}).cells


def test_a_record_that_was_cut_off_spoils_no_other(tmp_path):
    path = tmp_path / "cells.jsonl"
    cells = cells_of(["lstm"], [10, 20, 50], [0.5])
    Records(path, {}).add(cells[0])
    path.write_text(
        path.read_text() + '{"asked": {}, "cell": {"task": "cop'
    )  # killed while writing
    Records(path, {}).add(cells[1])
    path.write_text(path.read_text() + '{"asked": {}')  # ends as a whole record does
    Records(path, {}).add(cells[2])
    assert Records(path, {}).cells == cells


def test_a_network_answers_alike_however_much_padding_follows():
    task = CopyTask()
    network = build_network(Network("lstm"), 10, task, SMALL, seed=1)
    ids, _ = task.batch(np.array([3, 5]), np.random.default_rng(1))
    scores = network.predict_on_batch(ids)
    padded = np.pad(ids, ((0, 0), (0, 4)), constant_values=PAD)
    np.testing.assert_allclose(network.predict_on_batch(padded), scores, atol=1e-6)
    padded[:, -1] = task.question  # control: a token does change them
    assert np.abs(network.predict_on_batch(padded) - scores).max() > 1e-4


def test_training_ends_when_the_last_losses_are_small_or_steps_run_out():
    class Falling:
        def __init__(self, *losses):
            self.losses = iter(losses)

        def train_on_batch(self, ids, answers):
            return next(self.losses)

    recipe = Recipe(batch=1, steps=90, enough=0.5)
    high, low = [1.0] * 30, [0.0] * 200
    early = train(Falling(*high, *low), "staged", 10, 1, CopyTask(), recipe)
    assert len(early) == 30 + WINDOW // 2 + 1
    assert len(train(Falling(*high, *high, *high), "staged", 10, 1, CopyTask(), recipe)) == 90


def test_kinds_with_one_seed_learn_from_the_same_sequences(monkeypatch):
    seen = []

    class Watched:
        def train_on_batch(self, ids, answers):
            seen.append((ids, answers))
            return 1.0

    for seed in (1, 1, 2):
        train(Watched(), "staged", 10, seed, CopyTask(), SMALL)
    first, second, other = (seen[n : n + SMALL.steps] for n in range(0, len(seen), SMALL.steps))
    np.testing.assert_equal(first, second)
    assert any((a != b).any() for (a, _), (b, _) in zip(first, other, strict=True))


def test_training_afresh_shows_one_distance_alone():
    seen = []

    class Watched:
        def train_on_batch(self, ids, answers):
            seen.append((ids == PAD).any())
            return 1.0

    train(Watched(), "afresh", 10, 1, CopyTask(), SMALL)
    assert not any(seen)
    train(Watched(), "staged", 10, 1, CopyTask(), SMALL)
    assert all(seen[SMALL.steps :])


def test_an_open_gate_starts_at_the_logarithm_of_the_distance():
    task = CopyTask()
    for cell, expected in ((Network("lstm"), 1.0), (Network("lstm", True), np.log(50))):
        network = build_network(cell, 50, task, SMALL, seed=1)
        bias = network.get_layer("recurrence").get_weights()[2]
        np.testing.assert_allclose(bias[4:8], expected, rtol=1e-6)  # Keras's order: i, f, g, o
        np.testing.assert_allclose(bias[:4], 0)


@pytest.mark.long
def test_an_lstm_learns_to_remember_over_ten_distractors():
    task, recipe = CopyTask(), Recipe(tested=300)
    network = build_network(Network("lstm"), 10, task, recipe, seed=1)
    assert accuracy(network, 10, 1, task, recipe) < 0.3  # control: before training, it guesses
    (found,) = measure(Network("lstm"), "staged", (10,), 1, task, recipe)
    assert found.accuracy > 0.9
