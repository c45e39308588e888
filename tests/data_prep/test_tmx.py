"""Translation memories into splits: languages, markup, forms of the format, and broken files."""

import gzip
import os
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.__main__ import main

XML_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff")
)


def unit(*variants, attribute="xml:lang"):
    inner = (f'<tuv {attribute}="{tag}"><seg>{text}</seg></tuv>' for tag, text in variants)
    return f"<tu>{''.join(inner)}</tu>"


def memory(units, space=""):
    body = "".join(units)
    return f'<tmx version="1.4"{space}><header srclang="en"/><body>{body}</body></tmx>'


def units(count):
    return [unit(("en", f"source {n}"), ("de", f"target {n}")) for n in range(count)]


def tmx(folder, content, *arguments, name="m.tmx"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    more = arguments or ("--source", "en", "--target", "de")
    sizes = ("--validation", "5", "--test", "5")
    return main(["tmx", str(path), "--output", str(folder / "out"), *sizes, *more])


def written(folder, ends=("en", "de")):
    """All pairs of the splits, whatever their order."""
    pairs = []
    for split in ("train", "val", "test"):
        sides = ((folder / "out" / f"{split}.{end}").read_text("utf-8") for end in ends)
        pairs += zip(*(side.split("\n")[:-1] for side in sides), strict=True)
    return sorted(pairs)


PLAIN = sorted((f"source {number}", f"target {number}") for number in range(20))


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (memory(units(20)), "m.tmx"),
        (gzip.compress(memory(units(20)).encode()), "m.tmx.gz"),
        (f'<?xml version="1.0" encoding="UTF-16"?>{memory(units(20))}'.encode("utf-16"), "m.tmx"),
        (memory(units(20), ' xmlns="http://www.lisa.org/tmx14"'), "m.tmx"),
        (memory(each.replace("xml:lang", "lang") for each in units(20)), "m.tmx"),
    ],
)
def test_a_memory_is_read_in_any_of_its_forms(tmp_path, content, name):
    assert tmx(tmp_path, content, name=name) == 0
    assert written(tmp_path) == PLAIN


def test_a_unit_gives_a_pair_for_each_variety_of_the_languages_that_are_asked_for(tmp_path, caplog):
    many = unit(("en-GB", "colour"), ("EN_us", "color"), ("fr", "couleur"), ("de-AT", "Farbe"))
    others = [unit(("en", "alone")), unit(("eng", "other"), ("de", "anders"))]
    assert tmx(tmp_path, memory([*units(20), many, *others])) == 0
    assert written(tmp_path) == sorted([*PLAIN, ("colour", "Farbe"), ("color", "Farbe")])
    assert "skipped 1 units that have no segment in de" in caplog.text
    assert "skipped 1 units that have no segment in en" in caplog.text


@pytest.mark.parametrize("reverse", [False, True])
def test_a_variety_that_is_asked_for_is_not_on_the_other_side_too(tmp_path, reverse):
    many = [
        unit(("pt", f"autocarro {n}"), ("pt-PT", f"carro {n}"), ("pt_br", f"ônibus {n}"))
        for n in range(20)
    ]
    ends = ("pt-BR", "pt") if reverse else ("pt", "pt-BR")
    assert tmx(tmp_path, memory(many), "--source", ends[0], "--target", ends[1]) == 0
    expected = sorted(
        (f"{a} {n}", f"ônibus {n}") for a in ("autocarro", "carro") for n in range(20)
    )
    found = written(tmp_path, ends)
    assert sorted(pair[:: -1 if reverse else 1] for pair in found) == expected


def test_codes_of_markup_are_left_out_and_its_text_is_kept(tmp_path):
    marked = 'A <bpt i="1">&lt;b&gt;</bpt>bold <hi>red</hi><ept i="1">x</ept> dog<ph>y</ph>.\n'
    assert tmx(tmp_path, memory([*units(20), unit(("en", marked), ("de", "Ein Hund."))])) == 0
    assert ("A bold red dog.", "Ein Hund.") in written(tmp_path)


def test_markup_may_be_as_deep_as_it_likes(tmp_path):
    deep = "<hi>" * 20_000 + "dog" + "</hi>" * 20_000
    assert tmx(tmp_path, memory([*units(20), unit(("en", deep), ("de", "Hund"))])) == 0
    assert ("dog", "Hund") in written(tmp_path)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(XML_TEXT, XML_TEXT), max_size=5))
def test_any_text_arrives(tmp_path_factory, pairs):
    folder = tmp_path_factory.mktemp("any")
    more = [unit(("en", escape(source)), ("de", escape(target))) for source, target in pairs]
    assert tmx(folder, memory([*units(20), *more])) == 0
    # Line ends become spaces, and what has no side left is no pair.
    expected = {
        (" ".join(source.split()), " ".join(target.split()))
        for source, target in pairs
        if source.strip() and target.strip()
    }
    found = {(" ".join(a.split()), " ".join(b.split())) for a, b in written(folder)}
    assert found == expected | set(PLAIN)


BOMB = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "x" * 100}">' for n in range(9))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("<tmx><body><tu>", "is no translation memory"),
        ("not XML", "is no translation memory"),
        ('<?xml version="1.0" encoding="klingon"?><tmx/>', "is no translation memory"),
        (f"<!DOCTYPE tmx [{BOMB}]>{memory([unit(('en', '&e8;'), ('de', 'x'))])}", "amplification"),
        (memory([unit(("en", "a"), ("fr", "b"))]), "no unit in both en and de; there is en, fr"),
        (memory([]), "there is no language"),
        (memory(units(3)), "too few for 5 of validation"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_in_a_line(tmp_path, capsys, content, complaint):
    assert tmx(tmp_path, content) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: {tmp_path / 'm.tmx'}") and said.count("\n") == 1
    assert complaint in said
    assert not (tmp_path / "out").exists()


def test_a_damaged_archive_and_a_missing_file_are_named(tmp_path, capsys):
    assert tmx(tmp_path, gzip.compress(memory(units(20)).encode())[:-20], name="m.tmx.gz") == 1
    assert "m.tmx.gz cannot be read" in capsys.readouterr().err
    arguments = ["--source", "en", "--target", "de", "--output", str(tmp_path / "out")]
    assert main(["tmx", str(tmp_path / "absent.tmx"), *arguments]) == 1
    assert "absent.tmx cannot be read" in capsys.readouterr().err


def test_a_pipe_is_refused_as_it_is_read_twice(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe")
    files = [str(tmp_path / "pipe"), "--output", str(tmp_path / "out")]
    assert main(["tmx", *files, "--source", "en", "--target", "de"]) == 1
    assert "pipe is no plain file; it is read twice, so save it first" in capsys.readouterr().err
