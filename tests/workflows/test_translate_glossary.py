"""Terms whose translations have to be used: they are in every output, and nothing else changes."""

import json

import pytest

from seq2seq.cli.main import main
from seq2seq.errors import ConfigError, DataError
from seq2seq.translation.glossary import Glossary
from seq2seq.translation.loading import load_translator

TERMS = {"dog": "Quokka", "old dog": "Beuteltier", "cat": "Katze 犬", "book": "Buch"}
LINES = [
    "The dog sleeps.",
    "She reads the book today.",
    "",
    "The old dog sees the cat.",
    "My brother sleeps.",
]
NEEDED = [["Quokka"], ["Buch"], [], ["Beuteltier", "Katze 犬"], []]


@pytest.mark.parametrize(
    ("terms", "text", "found"),
    [
        ([("dog", "Hund"), ("Dog", "Hund")], "A dog, a DOG; the dog's.", ["Hund"]),
        ({"dog": "Hund"}, "dogs, hotdog, dog2", []),
        ({"dog": "Hund", "guide dog": "Führhund"}, "a guide\u00a0 dog", ["Führhund"]),
        ({"a b": "1", "b c": "2"}, "a b c b c", ["1", "2"]),
        ({"Straße": "street"}, "die Straße, STRASSE, Straßen", ["street"]),
        ({"caf\u00e9": "1"}, "ein cafe\u0301", ["1"]),
        ({"cafe": "1"}, "ein cafe\u0301", []),
        ({"ABC": "1"}, "\uff21\uff22\uff23", ["1"]),
        ({"कल": "1"}, "यह कला है", []),
        ({"कल": "1"}, "यह कल है", ["1"]),
        ({"แมว": "cat"}, "ฉันมีแมวสองตัว", ["cat"]),
        ({"İstanbul": "1"}, "in İstanbul", ["1"]),
        ({"C++": "C plus plus", "C": "c"}, "C++ is C", ["C plus plus", "c"]),
        ({"犬": "dog"}, "この犬は", ["dog"]),
        ({"кот": "cat"}, "Кот!", ["cat"]),
        ({"hiz": "speed"}, "h\u0131z, hiz", ["speed"]),
        ({"hiz": "speed"}, "h\u0131z", []),
    ],
)
def test_terms_are_found_as_whole_words(terms, text, found):
    assert Glossary(terms).targets(text) == found


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("dog\tHund\ncat Katze\n", "line 2: expected a term, a tab and its translation"),
        ("dog\tHund\tx\n", "line 1: expected"),
        (" \tHund\n", "line 1: expected"),
        ("\n", "the glossary is empty"),
        ("us\tuns\nUS\tUSA\n", "the term 'US' has two translations, 'USA' and 'uns'"),
    ],
)
def test_a_file_that_is_no_glossary_is_refused(tmp_path, content, complaint):
    (tmp_path / "terms.tsv").write_text(content)
    with pytest.raises(DataError, match=complaint):
        Glossary.read(tmp_path / "terms.tsv")


@pytest.fixture(scope="module")
def plain(trained_run):
    return load_translator(trained_run)


@pytest.fixture(scope="module")
def translator(plain):
    return plain.with_glossary(TERMS)


@pytest.fixture(scope="module")
def found(translator):
    return translator.translate(LINES)


def lacking(texts):
    return [
        term
        for text, needed in zip(texts, NEEDED, strict=True)
        for term in needed
        if term not in text
    ]


def test_every_term_is_there_and_lines_without_one_are_as_ever(found, plain):
    assert lacking(found) == []
    before = plain.translate(LINES)
    assert len(lacking(before)) >= 3  # control
    assert [found[n] for n in (2, 4)] == [before[n] for n in (2, 4)]


def test_a_line_alone_is_translated_as_among_others(found, translator):
    for line, text in zip(LINES[3:], found[3:], strict=True):
        assert translator.translate([line]) == [text]


def test_a_score_is_what_forcing_the_output_gives(translator, plain):
    outputs = [each[0] for each in translator.search(LINES) if each]
    texts = [plain.subwords.decode(each.ids) for each in outputs]
    scored = plain.score_ids([(each.source_ids, each.ids) for each in outputs])
    assert any("Quokka" in text for text in texts)
    for one, other in zip(outputs, scored, strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-4)


def test_terms_go_with_a_prefix_a_shortlist_and_several_outputs(trained_run):
    translator = load_translator(trained_run, {"shortlist": True, "n_best": 3})
    translator = translator.with_glossary(TERMS)
    for outputs, needed in zip(translator.search(LINES, "Heute "), NEEDED, strict=True):
        for each in outputs:
            text = translator.subwords.decode(each.ids)
            assert text.startswith("Heute") and all(term in text for term in needed)
    assert all(
        term in translator.subwords.decode(each.ids)
        for each in translator.search(LINES[3:4])[0]
        for term in NEEDED[3]
    )


def test_each_piece_of_a_long_line_has_its_own_terms(trained_run):
    translator = load_translator(trained_run, {"longest_source": 12}).with_glossary(TERMS)
    (text,) = translator.translate([" ".join(LINES)])
    assert lacking([text] * len(NEEDED)) == []


def test_the_command_reads_a_glossary(trained_run, tmp_path, capsys, found):
    (tmp_path / "text").write_text("".join(f"{line}\n" for line in LINES))
    terms = "".join(f"{source}\t{target}\n" for source, target in TERMS.items())
    (tmp_path / "terms.tsv").write_text(terms)
    given = [str(trained_run), str(tmp_path / "text"), "--glossary", str(tmp_path / "terms.tsv")]
    main(["translate", *given, "--format", "jsonl"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["text"] for row in rows] == found
    with pytest.raises(SystemExit, match="1"):
        main(["translate", *given, "--beam", "1"])
    assert "a glossary needs beam search; set beam_width to 2" in capsys.readouterr().err


def test_terms_without_room_or_without_a_beam_are_refused(trained_run, translator):
    with pytest.raises(DataError, match="the terms of text 1 have .* subwords, but"):
        translator.with_glossary({"dog": "Hund " * 200}).translate(["The dog sleeps."])
    with pytest.raises(ConfigError, match="a glossary needs beam search"):
        load_translator(trained_run, {"sampling": True}).with_glossary(TERMS)
    with pytest.raises(ConfigError, match="without sampling and blocked_ngram"):
        load_translator(trained_run, {"beam_width": 5, "blocked_ngram": 3}).with_glossary(TERMS)
