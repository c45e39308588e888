"""Translated programs' catalogues into splits: what is no translation stays out, and is counted."""

import polib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.__main__ import main
from data_prep.pair_splits import one_line


def catalogue(path, entries, language="de"):
    file = polib.POFile()
    file.metadata = {"Content-Type": "text/plain; charset=utf-8", "Language": language}
    file.extend(polib.POEntry(**each) for each in entries)
    file.save(str(path))
    return path


def messages(count, name=""):
    return [{"msgid": f"open {name}{n}", "msgstr": f"öffne {name}{n}"} for n in range(count)]


def po(folder, *arguments):
    sizes = ("--validation", "5", "--test", "5")
    return main(["po", *map(str, arguments), "--output", str(folder / "out"), *sizes])


def written(folder, end="de"):
    """All pairs of the splits, whatever their order."""
    pairs = []
    for split in ("train", "val", "test"):
        sides = ((folder / "out" / f"{split}.{each}").read_text("utf-8") for each in ("en", end))
        pairs += zip(*(side.split("\n")[:-1] for side in sides), strict=True)
    return sorted(pairs)


def test_the_messages_of_several_files_become_splits_in_the_language_they_name(tmp_path, capsys):
    files = [catalogue(tmp_path / f"{name}.po", messages(20, name), "pt_BR") for name in "ab"]
    assert po(tmp_path, *files) == 0
    expected = sorted((f"open {each}", f"öffne {each}") for each in _names("ab", 20))
    assert written(tmp_path, "pt-BR") == expected
    assert "train.{en,pt-BR}: 30 pairs" in capsys.readouterr().out


def _names(names, count):
    return [f"{name}{number}" for name in names for number in range(count)]


def test_a_catalogue_of_another_language_is_named(tmp_path, capsys):
    first = catalogue(tmp_path / "fr.po", messages(20, "a"), "fr")
    other = catalogue(tmp_path / "de.po", messages(20, "b"), "de")
    for arguments, named in (([first, other], "de.po"), ([first, "--target", "de"], "fr.po")):
        assert po(tmp_path, *arguments) == 1
        assert f"{named} says that its language is " in capsys.readouterr().err
        assert not (tmp_path / "out").exists()
    silent = catalogue(tmp_path / "x.po", messages(20, "b"), "")
    variety = catalogue(tmp_path / "ca.po", messages(20, "c"), "fr_CA")
    assert po(tmp_path, first, silent, variety) == 0
    assert len(written(tmp_path, "fr")) == 60


@pytest.mark.parametrize("tag", ["pt_BR", "pt-BR", "pt"])
def test_a_language_is_given_in_either_way_of_writing(tmp_path, tag):
    assert po(tmp_path, catalogue(tmp_path / "x.po", messages(20), "pt_BR"), "--target", tag) == 0
    assert len(written(tmp_path, tag)) == 20


def test_a_script_behind_the_language_is_no_part_of_its_name(tmp_path):
    assert po(tmp_path, catalogue(tmp_path / "x.po", messages(20), "sr@latin")) == 0
    assert len(written(tmp_path, "sr")) == 20


def test_what_is_no_translation_is_left_out_and_counted(tmp_path, caplog):
    odd = [
        {"msgid": "not yet"},
        {"msgid": "perhaps", "msgstr": "vielleicht", "flags": ["fuzzy"]},
        {"msgid": "once", "msgstr": "einst", "obsolete": True},
        {"msgid": "open 0", "msgstr": "öffne 0", "msgctxt": "menu"},
    ]
    assert po(tmp_path, catalogue(tmp_path / "de.po", [*messages(20), *odd])) == 0
    assert len(written(tmp_path)) == 20
    for reason in ("not translated", "marked fuzzy", "obsolete"):
        assert f"skipped 1 messages that are {reason}" in caplog.text
    assert "skipped 1 messages that repeat an earlier pair" in caplog.text


def test_plural_forms_go_with_the_form_of_the_message(tmp_path):
    def plural(*forms):
        message = {"msgid": "one dog", "msgid_plural": "%d dogs"}
        return message | ({"msgstr_plural": dict(enumerate(forms))} if forms else {"msgstr": "all"})

    for forms, expected in (
        (("ein Hund", "%d Hunde"), [("%d dogs", "%d Hunde"), ("one dog", "ein Hund")]),
        (("%d匹",), [("%d dogs", "%d匹")]),
        ((), [("%d dogs", "all")]),
        (
            ("пёс", "%d пса", "%d псов"),
            [("%d dogs", "%d пса"), ("%d dogs", "%d псов"), ("one dog", "пёс")],
        ),
    ):
        path = catalogue(tmp_path / "x.po", [*messages(20), plural(*forms)])
        assert po(tmp_path, path, "--replace") == 0
        assert [pair for pair in written(tmp_path) if "dog" in pair[0]] == expected


def test_a_message_of_several_lines_is_one(tmp_path):
    long = {"msgid": "Really\nclose?\n", "msgstr": "Wirklich \n\nschließen?"}
    assert po(tmp_path, catalogue(tmp_path / "de.po", [*messages(20), long])) == 0
    assert ("Really close?", "Wirklich schließen?") in written(tmp_path)


@given(st.text())
def test_any_text_is_one_line_and_loses_nothing_but_space(text):
    found = one_line(text)
    assert len(found.splitlines()) < 2
    assert "".join(found.split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "is no file; check the path"),
        (b'message = "a"\n', "is no gettext catalogue"),
        (b'msgid "a"\nmsgstr "\xff"\n', "is no gettext catalogue"),
        (b'msgid "a"\nmsgstr "b"\n', "does not say its language; pass --target TAG"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_in_a_line(tmp_path, capsys, content, complaint):
    path = tmp_path / "x.po"
    if content is not None:
        path.write_bytes(content)
    assert po(tmp_path, path) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: {path}") and said.count("\n") == 1 and complaint in said
    assert not (tmp_path / "out").exists()
