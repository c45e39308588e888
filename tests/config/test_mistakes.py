"""Mistakes are told in a short printable line, whatever was written."""

import pytest

from seq2seq.config.loading import check_settings
from seq2seq.config.mistakes import LONGEST_VALUE, printable, shown
from seq2seq.errors import ConfigError

PATHS = {
    f"{split}_{side}": f"{split}.{side}"
    for split in ("train", "validation")
    for side in ("source", "target")
}


def complaint(**model):
    with pytest.raises(ConfigError) as caught:
        check_settings({"data": PATHS, "model": model}, "run.yaml")
    return str(caught.value)


def test_a_value_is_shown_as_it_was_written_or_its_beginning():
    assert shown("dots") == "'dots'" and shown(1.5) == "1.5" and shown([]) == "[]"
    long = shown("x" * 5000)
    assert long.startswith("'xxx") and "..." in long and len(long) <= LONGEST_VALUE
    assert len(shown([["y" * 70] * 9] * 9)) == LONGEST_VALUE
    assert shown(1 << 20_000) == "a number of 20001 bits"  # more digits than Python prints


def test_a_text_is_printed_as_it_is_where_it_can_be():
    assert printable("model.größe") == "model.größe"
    assert printable("a\nb\x1b[31m") == r"'a\nb\x1b[31m'"
    assert printable("x" * LONGEST_VALUE) == "x" * LONGEST_VALUE
    assert printable("x" * (LONGEST_VALUE + 1)) == "x" * (LONGEST_VALUE - 3) + "..."


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"unit": "x" * 5000}, "model.unit: Unexpected setting (got 'xxx"),
        ({"units": "x" * 5000}, "model.units: Input should be a valid integer"),
        ({"units": 1 << 20_000}, "(got a number of 20001 bits)"),
        ({"uni\x1b[31mts": 1}, r"'model.uni\x1b[31mts': Unexpected setting (got 1); did you mean"),
        ({"units" + "x" * 5000: 1}, "...: Unexpected setting (got 1); "),
        ({"embeding_size": 8}, "model.embeding_size: Unexpected setting (got 8); did you mean emb"),
        ({"heads": 3, "attention": "multi_head"}, "run.yaml: model: heads: 3 does not divide"),
    ],
)
def test_a_mistake_is_one_short_line(model, said):
    message = complaint(**model)
    assert said in message
    assert message.isprintable() and len(message) < 1000
