"""What `seq2seq init` writes trains, whatever the size and the script of a corpus."""

import random

import pytest
from command_line import run_command

from seq2seq.config.languages import is_right_to_left, is_unspaced
from seq2seq.config.loading import load_run_config
from seq2seq.run_folder import RunFolder

CORPORA = {  # source and target language by pairs
    1_000: ("en", "fr"),
    5_000: ("en", "ar"),
    20_000: ("de", "ru"),
    60_000: ("zh", "en"),
    200_000: ("tr", "en"),
}
HELD_OUT_BY_INIT = 5_000  # pairs at most; larger corpora get a few, which are soon translated
LETTERS = {
    "ar": "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
    "ru": "абвгдежзийклмнопрстуфхцчшщыьэюя",
    "zh": "".join(chr(0x4E00 + number) for number in range(1500)),
}
STEPS = 3


def sentences(language, pairs, seed):
    """Random sentences of made-up words, of which few are frequent and many are rare."""
    draw = random.Random(f"{language} {seed}")
    letters, space = LETTERS.get(language, "abcdefghijklmnoprstuvwz"), " "
    longest, words = 9, 3 * int(pairs**0.75)
    if is_unspaced(language):
        longest, space = 3, ""
    lexicon = ["".join(draw.choices(letters, k=draw.randint(1, longest))) for _ in range(words)]
    shares = [1 / (rank + 3) for rank in range(words)]
    drawn = iter(draw.choices(lexicon, shares, k=12 * pairs))
    return [
        space.join(word for word, _ in zip(drawn, range(draw.randint(3, 11)), strict=False))
        for _ in range(pairs)
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("pairs", "languages"), CORPORA.items())
def test_settings_for_any_size_and_script_train(pairs, languages, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def written(name, count):
        paths = [tmp_path / f"{name}.{language}" for language in languages]
        for path in paths:
            lines = sentences(path.suffix[1:], count, name)
            path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return paths

    given = []
    if pairs > HELD_OUT_BY_INIT:
        given = ["--validation", *written("val", 20), "--test", *written("test", 20)]
    told = run_command("init", *written("train", pairs), "-o", "my.yaml", *given)
    assert "next:  seq2seq train my.yaml" in told
    run_command("train", "my.yaml", "--run", "run", "--set", f"training.steps={STEPS}")
    run = RunFolder.open(tmp_path / "run")
    assert int(run.history()[-1]["step"]) == STEPS and "test" in run.scores()
    found = load_run_config(tmp_path / "my.yaml").data.languages
    assert (found.source, found.target) == languages


def test_a_script_from_right_to_left_and_one_without_spaces_are_among_them():
    used = {language for pair in CORPORA.values() for language in pair}
    assert any(map(is_right_to_left, used)) and any(map(is_unspaced, used))
    assert " " not in sentences("zh", 1, 1)[0] and " " in sentences("en", 1, 1)[0]
