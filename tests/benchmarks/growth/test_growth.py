"""The benchmark of growth: points that are measured once, tables, and a figure."""

import math
import sys

import pytest

from benchmarks.growth import __main__ as growth
from benchmarks.growth import point as growth_point
from benchmarks.growth.point import Ask, Point, multiply_adds, settings
from benchmarks.growth.report import Axis, draw, markdown

AXIS = Axis("translating", "length", (10, 20, 40))


def point(seconds):
    return Point(seconds, seconds, seconds, 1e9, 1e11, 100.0)


@pytest.fixture
def children(monkeypatch):
    """The commands that would have measured; a sentence twice as long takes four times the time."""
    commands = []

    def run(command, purpose):
        commands.append(command)
        length = int(next(word for word in command if word.startswith("--length"))[9:])
        return f'noise\n{{"seconds": {length**2}, "least": 1, "most": 2, "multiply_adds": 1, ' + (
            '"machine_rate": 1, "mebibytes": 1}\n'
        )

    monkeypatch.setattr(growth, "run_child", run)
    return commands


def test_a_point_is_measured_once(children, tmp_path):
    path = tmp_path / "points.jsonl"
    first = growth.measured((AXIS,), path)
    path.write_text(path.read_text() + '{"ask": {"doing": "trans')  # killed while writing
    assert growth.measured((AXIS,), path) == first
    assert len(children) == len(AXIS.values)
    growth.measured((Axis("translating", "length", (80,)),), path)  # another is measured
    assert len(children) == len(AXIS.values) + 1
    assert growth.measured((AXIS, Axis("translating", "length", (80,))), path).keys() > first.keys()
    assert len(children) == len(AXIS.values) + 1  # what was written after the cut line is read


def test_the_command_writes_tables_and_a_figure(children, tmp_path, monkeypatch, capsys):
    command = ["growth", "--axes", "training.length,translating.length", "--output", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", command)
    growth.main()
    table = (tmp_path / "growth.md").read_text()
    assert capsys.readouterr().out == table
    assert table.count("| 2.00 |") == 2 * (len(growth.LENGTHS) - 1)
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")


def test_an_axis_that_is_not_there_is_named(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["growth", "--axes", "training.beam"])
    with pytest.raises(SystemExit):
        growth.main()
    assert "no training.beam; there are translating.length," in capsys.readouterr().err


def test_growth_is_the_exponent_of_the_size():
    linear = markdown({AXIS: [point(value) for value in AXIS.values]})
    assert linear.count("| 1.00 |") == 2
    quicker = markdown({AXIS: [point(math.sqrt(value)) for value in AXIS.values]})
    assert quicker.count("| 0.50 |") == 2


def test_a_step_has_whole_sentences_and_counts_them_alone():
    def found(tokens):
        ask = Ask("training", tokens=tokens, units=64, vocabulary=300)
        return multiply_adds(ask, settings(ask))

    assert found(256) == found(240) == found(960) / 4
    assert found(16) == found(20)  # one sentence at least
    axis = Axis("training", "tokens", (256, 1024))
    table = markdown({axis: [point(tokens) for tokens in (240, 1020)]})
    assert "| 1.00 |" in table  # time grows as the tokens that were there


def test_memory_is_that_of_the_calls_and_not_of_the_machines_rate(monkeypatch):
    mebibytes = [100]

    def grow(by, found):
        mebibytes[0] += by
        return found

    monkeypatch.setattr(growth_point, "_peak", lambda: mebibytes[0] * growth_point.MIB)
    monkeypatch.setattr(growth_point, "machine_rate", lambda *_: grow(56, 1e9))
    monkeypatch.setattr(growth_point, "_seconds", lambda called: called() or 1.0)
    call = (lambda: grow(2, None)), "float32"
    monkeypatch.setitem(growth_point._PREPARE, "training", lambda *_: grow(7, call))
    found = growth_point.measure(Ask("training", units=64, vocabulary=300))
    assert found.mebibytes == mebibytes[0] - 56 - 100 > 7


def test_panels_have_what_was_measured_and_the_products():
    figure = draw({AXIS: [point(1.0)] * 3, Axis("training", "units", (1, 2)): [point(2.0)] * 2})
    drawn = [axes for axes in figure.axes if axes.lines]
    assert [list(line.get_ydata()) for axes in drawn for line in axes.lines] == [
        [1000.0] * 3,
        [10.0] * 3,
        [2000.0] * 2,
        [10.0] * 2,
    ]


def test_products_of_a_call_are_those_of_its_tokens():
    def found(**sizes):
        ask = Ask("translating", units=64, vocabulary=300, **sizes)
        return multiply_adds(ask, settings(ask))

    once = found(sentences=1, beam=1)
    assert found(sentences=3, beam=1) == 3 * once
    assert once < found(sentences=1, beam=2) < 2 * once  # sources are read once for all hypotheses
    assert found(sentences=1, beam=1, length=40) > 2 * once  # attention reads more
