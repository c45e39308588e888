"""Where the part of a text ends that a model has read."""

import pytest

from seq2seq.serving.server.page.unread_text import unread_text


@pytest.mark.parametrize(
    ("text", "source", "rest"),
    [
        ("Ein Hund.", ["▁Ein", "▁Hund", "."], ""),
        ("Ein Hund. Eine Katze.", ["▁Ein", "▁Hund", "."], "Eine Katze."),
        ("Ein Hund", ["▁ein", "▁hu"], "nd"),  # a vocabulary in lower case
        ("grün gelb rot", ["▁gr", "<0xC3>", "<0xBC>", "n", "▁ge", "lb"], "rot"),
        ("你好你好再见", ["▁你好", "你"], "好再见"),
        ("ﬁne \u200bday  now", ["▁fine", "▁day"], "now"),  # U+200B is dropped by SentencePiece
        ("Stra\u00dfe hier", ["▁Straße"], "hier"),
        ("a 你好你好 b c", ["▁a", "▁", "<unk>", "▁b"], "c"),
        ("a cat 你好你好你好", ["▁a", "▁cat", "▁", "<unk>"], ""),
        ("a 你好你好你好 bc", ["▁a", "▁", "<unk>", "▁d"], None),
        ("one two three four", ["▁eins", "▁2"], None),  # read as something else
        ("colour of it", ["▁color", "▁of", "▁it"], ""),  # likewise, but nearly all of it
        ("A dog. A cat.", ["▁<2fr>", "▁A", "▁dog", "."], "A cat."),  # the tag of all texts
        ("<2fr> A dog.", ["▁", "<2fr>", "▁A", "▁dog", "."], ""),
        ("<2fr> A dog. A cat.", ["▁", "<2fr>", "▁A", "▁dog", "."], None),  # its own
        ("\u200b", [], ""),
        (" ", [], ""),
    ],
)
def test_the_rest_begins_behind_what_was_read(text, source, rest):
    assert unread_text(text, [*source, "</s>"]) == rest
