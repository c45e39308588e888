"""The miniature corpus as a whole: determinism, size, splits without overlap, no ambiguity."""

import re
from collections import Counter

import pytest

from data_prep.__main__ import main
from data_prep.miniature.corpus import DEFAULT_SEED, LONGEST, SHORTEST, SIZES, make_corpus


def words(sentences):
    return Counter(word for line in sentences for word in re.findall(r"[^\W\d]+", line.lower()))


@pytest.fixture(scope="module")
def corpus():
    return make_corpus(DEFAULT_SEED)


@pytest.fixture(scope="module")
def pairs(corpus):
    return [pair for split in corpus.values() for pair in split]


def written(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_seed_writes_the_same_bytes_and_another_seed_does_not(tmp_path):
    for name, seed in (("one", "7"), ("same", "7"), ("other", "8")):
        assert main(["miniature", "--output", str(tmp_path / name), "--seed", seed]) == 0
    assert written(tmp_path / "one") == written(tmp_path / "same")
    assert written(tmp_path / "one") != written(tmp_path / "other")


def test_the_command_writes_parallel_files_with_newline_ends(tmp_path, capsys):
    assert main(["miniature", "--output", str(tmp_path)]) == 0
    assert "8000 pairs" in capsys.readouterr().out
    files = written(tmp_path)
    assert sorted(files) == [f"{split}.{end}" for split in sorted(SIZES) for end in ("de", "en")]
    for split, size in SIZES.items():
        for end in ("en", "de"):
            assert files[f"{split}.{end}"].count(b"\n") == size
            assert files[f"{split}.{end}"].endswith((b".\n", b"?\n"))
            assert b"\r" not in files[f"{split}.{end}"]


def test_no_sentence_occurs_twice_in_any_split_or_language(pairs):
    assert len(pairs) == sum(SIZES.values())
    assert len({source for source, _ in pairs}) == len(pairs)
    assert len({target for _, target in pairs}) == len(pairs)


@pytest.mark.parametrize("seed", range(10, 14))
def test_no_seed_gives_one_sentence_two_translations(seed):
    assert len(make_corpus(seed)["train"]) == SIZES["train"]  # raises where it would


def test_sentences_have_between_four_and_sixteen_words(pairs):
    lengths = {len(side.split()) for pair in pairs for side in pair}
    assert (min(lengths), max(lengths)) == (SHORTEST, LONGEST)


def test_both_languages_have_a_small_but_real_vocabulary(pairs):
    assert 200 <= len(words(source for source, _ in pairs)) <= 350
    assert 200 <= len(words(target for _, target in pairs)) <= 460


def test_every_word_of_validation_and_test_occurs_in_training(corpus):
    for side in (0, 1):
        known = words(pair[side] for pair in corpus["train"])
        held_out = words(pair[side] for split in ("val", "test") for pair in corpus[split])
        assert held_out.keys() <= known.keys()


CONSTRUCTIONS = {
    "subordinate clause": r", (weil|dass|obwohl|wenn) ",
    "fronted subordinate clause": r"^(Weil|Obwohl|Wenn) .*, ",
    "separated prefix": r" (an|ab|auf|zu|ein|weg)[.]$",
    "infinitive at the end": r" (kann|muss|will|sollte|wird) .*en[.]$",
    "perfect with haben": r" hat .*t[.]$",
    "perfect with sein": r" (ist|sind) .*(gegangen|gelaufen|gefahren)[.]$",
    "inversion after a time": r"^(Heute|Gestern|Morgen|Jeden Tag) \w+(t|e|en) ",
    "number with a plural": r"(zwei|drei|vier|fünf|zehn) \w+e ",
    "date": r"[Aa]m \d+\. \w+ ",
    "year": r" \d{4}\b",
    "dative preposition": r" (im|mit|hinter|vor|neben|zum|zur) ",
    "comparison": r"er als ",
    "denied article": r" kein(e|en)? ",
    "question word": r"^(Wer|Was|Wo|Wohin|Wann|Warum) .*\?$",
    "yes-no question": r"^(Hat|Ist|Kann|Muss|Will|Wird) .*\?$",
}


@pytest.mark.parametrize("construction", CONSTRUCTIONS)
def test_every_construction_is_common_in_training_and_present_in_test(corpus, construction):
    pattern = re.compile(CONSTRUCTIONS[construction])
    in_training = sum(bool(pattern.search(target)) for _, target in corpus["train"])
    assert in_training >= 60
    assert any(pattern.search(target) for _, target in corpus["test"])
