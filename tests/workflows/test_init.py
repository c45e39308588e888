"""`seq2seq init`: from a corpus as somebody has it to settings that train."""

import random
from dataclasses import replace

import pytest
from conftest import Silent

from seq2seq.cli.main import main
from seq2seq.config.loading import load_run_config
from seq2seq.data.corpus_files import find_corpus
from seq2seq.errors import ConfigError, DataError
from seq2seq.workflows.init import InitJob, _some_pairs, init
from seq2seq.workflows.train import fit

ALPHABETS = {
    "en": ("abcdefghijklmnopqrstuvwxyz", " "),
    "he": ("אבגדהוזחטיכלמנסעפצקרשת", " "),
    "zh": ("".join(chr(0x4E00 + n) for n in range(400)), ""),
}


def sentences(language, number, seed):
    draw = random.Random(seed)
    alphabet, space = ALPHABETS[language]
    words = ["".join(draw.choices(alphabet, k=draw.randint(1, 6))) for _ in range(300)]
    return [space.join(draw.choices(words, k=draw.randint(2, 7))) for _ in range(number)]


def write_table(path, number=300, languages=("en", "he")):
    sides = [sentences(language, number, seed) for seed, language in enumerate(languages)]
    lines = ["\t".join(pair) for pair in zip(*sides, strict=True)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_files(folder, number=300, languages=("en", "he"), split="train"):
    folder.mkdir(parents=True, exist_ok=True)
    for seed, language in enumerate(languages):
        lines = sentences(language, number, f"{seed} {split}")
        (folder / f"{split}.{language}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [folder / f"{split}.{language}" for language in languages]


def job(corpus, folder, **given):
    return InitJob(corpus, folder / "my.yaml", folder / "data", **{"pilot": False} | given)


def lines(path):
    return path.read_text(encoding="utf-8").split("\n")[:-1]


@pytest.mark.parametrize("form", ["files", "table"])
def test_both_sides_may_be_in_one_language(tmp_path, form):
    """Misspelt text and right text, say."""
    if form == "table":
        given = write_table(tmp_path / "pairs.tsv", languages=("en", "en")), None
    else:
        given = write_files(tmp_path, languages=("en", "he"))
    made = init(job(find_corpus(*given, ends=("en", "en")), tmp_path))
    data = load_run_config(made.config).data
    assert (data.source_language, data.target_language) == ("en", "en")
    assert (data.train_source.name, data.train_target.name) == ("train.source", "train.target")
    assert len(lines(data.train_source)) == len(lines(data.train_target)) == 270
    assert lines(data.train_source) != lines(data.train_target)


def test_a_table_becomes_splits_and_settings(tmp_path):
    table = write_table(tmp_path / "pairs.tsv")
    made = init(job(find_corpus(table, None, ends=("en", "he")), tmp_path))
    config = load_run_config(made.config)
    data = config.data
    assert (data.source_language, data.target_language) == ("en", "he")
    pairs = []
    for split, size in (("train", 270), ("validation", 15), ("test", 15)):
        sides = [lines(getattr(data, f"{split}_{side}")) for side in ("source", "target")]
        assert len(sides[0]) == made.written[split] == size
        pairs += zip(*sides, strict=True)
    assert sorted("\t".join(pair) for pair in pairs) == sorted(lines(table))


def test_files_that_are_split_already_stay_where_they_are(tmp_path):
    folder = tmp_path / "corpus"
    write_files(folder)
    for split in ("val", "test_2016_flickr", "test_2017"):
        write_files(folder, 20, split=split)
    corpus = find_corpus(folder, None, ends=("en", "he"))
    data = load_run_config(init(job(corpus, tmp_path)).config).data
    assert data.train_target == folder / "train.he"
    assert data.validation_source == folder / "val.en"
    assert data.test_source == folder / "test_2016_flickr.en"
    assert not (tmp_path / "data").exists()


def test_only_what_is_missing_is_held_out(tmp_path):
    corpus = find_corpus(*write_files(tmp_path / "corpus"))
    given = tuple(write_files(tmp_path / "corpus", 20, split="held"))
    with_test = init(job(replace(corpus, test=given), tmp_path))
    assert sorted(with_test.written) == ["train", "validation"]
    assert load_run_config(with_test.config).data.test_source == given[0]
    (tmp_path / "other").mkdir()
    with_validation = init(job(replace(corpus, validation=given), tmp_path / "other"))
    assert with_validation.written == {}
    assert load_run_config(with_validation.config).data.test_source is None


@pytest.mark.long
@pytest.mark.parametrize("languages", [("zh", "he"), ("he", "en")])
def test_what_was_chosen_trains_in_any_script(tmp_path, languages):
    made = init(job(find_corpus(*write_files(tmp_path, 400, languages)), tmp_path, pilot=True))
    assert made.seconds and made.seconds > 1
    config = load_run_config(made.config, ["training.steps=2", "training.validate_every=2"])
    folder = fit(config, tmp_path / "run", Silent())
    assert float(folder.history()[-1]["validation_perplexity"]) > 1


def test_a_vocabulary_that_the_text_does_not_allow_is_made_smaller(tmp_path):
    texts = [f"{n % 9} {n // 9}" for n in range(90)]
    for end in ("en", "de"):
        (tmp_path / f"train.{end}").write_text("\n".join(texts) + "\n")
    made = init(job(find_corpus(tmp_path / "train.en", tmp_path / "train.de"), tmp_path))
    assert 261 <= load_run_config(made.config).subwords.vocabulary_size < 600


def test_nothing_is_left_of_a_corpus_that_cannot_be_used(tmp_path, monkeypatch):
    monkeypatch.setattr("sacrebleu.tokenizers.tokenizer_ja_mecab.MeCab", None)
    corpus = find_corpus(write_table(tmp_path / "pairs.tsv"), None, ends=("en", "ja"))
    with pytest.raises(ConfigError, match="seq2seq-keras"):
        init(job(corpus, tmp_path))
    assert not list((tmp_path / "data").iterdir()) and not (tmp_path / "my.yaml").exists()


def test_nothing_is_written_over_unless_asked(tmp_path):
    corpus = find_corpus(write_table(tmp_path / "pairs.tsv"), None, ends=("en", "he"))
    init(job(corpus, tmp_path))
    before = (tmp_path / "data" / "train.en").read_bytes()
    with pytest.raises(ConfigError, match="my.yaml is there already; choose another -o"):
        init(job(corpus, tmp_path, seed=2))
    (tmp_path / "my.yaml").unlink()
    with pytest.raises(DataError, match=r"train.* is there already; give .*data in place of"):
        init(job(corpus, tmp_path, seed=2))
    assert (tmp_path / "data" / "train.en").read_bytes() == before
    init(job(corpus, tmp_path, seed=2, replace=True))
    assert (tmp_path / "data" / "train.en").read_bytes() != before


def test_a_corpus_is_never_written_over(tmp_path):
    corpus = find_corpus(*write_files(tmp_path / "data"))
    with pytest.raises(DataError, match="is read, and would be written over"):
        init(job(corpus, tmp_path, replace=True))
    assert len(lines(tmp_path / "data" / "train.en")) == 300


@pytest.mark.parametrize("part", ["corpus/train.en", "more/train.he", "data/val.en"])
def test_settings_are_not_written_over_text(tmp_path, part):
    corpus = find_corpus(*write_files(tmp_path / "corpus"))
    also = [tuple(write_files(tmp_path / "more"))]
    before = (tmp_path / "corpus" / "train.en").read_bytes()
    (tmp_path / "data").mkdir()
    complaint = "is read|is for text that is held out"
    with pytest.raises((ConfigError, DataError), match=f"({complaint}).*; choose another -o"):
        init(replace(job(corpus, tmp_path, replace=True, also=also), config=tmp_path / part))
    assert (tmp_path / "corpus" / "train.en").read_bytes() == before


def test_a_call_that_fails_leaves_former_splits_and_settings(tmp_path, monkeypatch):
    corpus = find_corpus(write_table(tmp_path / "pairs.tsv"), None, ends=("en", "he"))
    init(job(corpus, tmp_path))
    files = [tmp_path / "my.yaml", *(tmp_path / "data").iterdir()]
    before = {path: path.read_bytes() for path in files}

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("seq2seq.workflows.init.learn_subwords", interrupt)
    with pytest.raises(KeyboardInterrupt):
        init(job(corpus, tmp_path, seed=2, replace=True))
    assert {path: path.read_bytes() for path in files} == before
    assert sorted((tmp_path / "data").iterdir()) == sorted(files[1:])


def test_a_large_corpus_is_judged_by_pairs_from_all_over_it(tmp_path, monkeypatch):
    sides = [tmp_path / "train.en", tmp_path / "train.fr"]
    for side in sides:
        side.write_text("".join(f"{n}\n" for n in range(95)))
    monkeypatch.setattr("seq2seq.workflows.init.PILOT_PAIRS", 10)
    some = _some_pairs([(sides[0], sides[1])], 95, tmp_path)
    assert lines(some[0]) == lines(some[1]) == [str(n) for n in range(0, 95, 10)]


def test_languages_that_are_given_are_taken_as_they_are(tmp_path):
    write_files(tmp_path, 5)
    paths = tmp_path / "train.en", tmp_path / "train.he"
    found = find_corpus(*paths, ends=("yue", "pt-BR"))
    assert (found.languages.source, found.languages.target) == ("yue", "pt-BR")
    sides = find_corpus(*paths, ends=("src", "tgt"))  # names of files, and no languages
    assert (sides.languages.source, sides.languages.target) == (None, None)


def test_a_folder_has_to_be_told_which_language_is_which(tmp_path):
    write_files(tmp_path / "corpus")
    with pytest.raises(DataError, match="has train.en, train.he; say which is which, e.g. --sou"):
        find_corpus(tmp_path / "corpus", None)
    with pytest.raises(DataError, match="they must differ"):
        find_corpus(tmp_path / "corpus", None, ends=("en", "en"))
    with pytest.raises(DataError, match="has no train.fr .it has train.en, train.he."):
        find_corpus(tmp_path / "corpus", None, ends=("en", "fr"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="has no train.LANGUAGE, such as train.en"):
        find_corpus(tmp_path / "empty", None, ends=("en", "fr"))
    with pytest.raises(DataError, match="absent.tsv does not exist"):
        find_corpus(tmp_path / "absent.tsv", None)


def test_files_without_languages_in_their_names(tmp_path):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("".join(f"{name} {n}\n" for n in range(60)))
    corpus = find_corpus(tmp_path / "a.txt", tmp_path / "b.txt")
    assert corpus.ends == ("source", "target") and corpus.languages.source is None
    named = find_corpus(tmp_path / "a.txt", tmp_path / "b.txt", ends=("en", "fr"))
    assert named.ends == ("en", "fr") and named.languages.target == "fr"


def test_further_corpora_are_trained_on_and_not_held_out(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path)
    sides = [lines(tmp_path / f"train.{language}") for language in ("en", "he")]
    (tmp_path / "more").mkdir()
    for language, side in zip(("en", "he"), sides, strict=True):
        text = "".join(f"{line}\n" for line in side[:100])
        (tmp_path / "more" / f"train.{language}").write_text(text, encoding="utf-8")
    monkeypatch.setattr("seq2seq.workflows.init.PILOT_PAIRS", 90)  # fewer than there are
    main(["init", "train.en", "train.he", "-o", "my.yaml", "--also", "more"])
    assert f"{capsys.readouterr().out.count('pairs for train')}" == "1"
    data = load_run_config(tmp_path / "my.yaml").data
    assert [str(corpus.source) for corpus in data.corpora] == [
        "data/my/train.en",
        "more/train.en",
    ]
    held = {line for split in ("val", "test") for line in lines(tmp_path / f"data/my/{split}.en")}
    assert held and not held & set(sides[0][:100])
    with pytest.raises(SystemExit, match="1"):
        main(["init", "train.en", "train.he", "-o", "b.yaml", "--also", "a", "b", "c"])
    assert "--also takes SOURCE and TARGET, or a folder (got 3 paths)" in capsys.readouterr().err


def test_short_lines_of_a_table_are_counted(tmp_path, caplog):
    path = write_table(tmp_path / "pairs.tsv", 60)
    path.write_text(path.read_text(encoding="utf-8") + "alone\n\n", encoding="utf-8")
    assert len(list(find_corpus(path, None).pairs())) == 60
    assert "pairs.tsv: 2 lines have fewer than 2 columns" in caplog.text


def test_text_in_another_encoding_is_refused_before_anything_is_written(tmp_path):
    paths = write_files(tmp_path / "corpus", 60)
    paths[1].write_bytes(paths[1].read_bytes().replace("ש".encode(), b"\xf9"))
    with pytest.raises(DataError, match=r"train.he: \d+ of 60 lines are not UTF-8; "):
        init(job(find_corpus(*paths), tmp_path))
    assert not (tmp_path / "data").exists() and not (tmp_path / "my.yaml").exists()


@pytest.mark.parametrize(
    ("columns", "said"), [((1, 2), "column 1"), ((2, 3), "column 3"), ((2, 4), ""), ((1, 3), "")]
)
def test_a_side_of_numbers_beside_text_is_told(tmp_path, caplog, columns, said):
    """The identifiers of Tatoeba's table of pairs, say."""
    pairs = [line.split("\t") for line in lines(write_table(tmp_path / "pairs.tsv"))]
    rows = [f"{n + 1000}\t{one}\t-{n}.5\t{other}\n" for n, (one, other) in enumerate(pairs)]
    (tmp_path / "four.tsv").write_text("".join(rows), encoding="utf-8")
    init(job(find_corpus(tmp_path / "four.tsv", None, columns, ("en", "he")), tmp_path))
    told = f"{said} of {tmp_path / 'four.tsv'}: 100 % of the lines are a number alone"
    assert (told in caplog.text) if said else ("number alone" not in caplog.text)


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_in_place_of_the_settings_is_told_before_anything_is_done(tmp_path, there):
    corpus = find_corpus(*write_files(tmp_path))
    given = job(corpus, tmp_path)
    folder = tmp_path / "other" if there else given.data  # as `-o data/french` makes it
    if there:
        folder.mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ConfigError, match=f"{folder} is a folder.* such as -o {folder}.yaml"):
        init(replace(given, config=folder))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("side", "end", "chosen"),
    [
        ("target", "，世界！", "identity"),  # full-width marks
        ("target", " น้ำ", "identity"),  # one vowel, which NFKC makes two of
        ("target", " می\u200cروم", "identity"),
        ("target", " 1 000 €.", "nmt_nfkc"),  # the controls
        ("source", "，世界！", "nmt_nfkc"),
    ],
)
def test_what_a_target_language_needs_is_not_normalised_away(tmp_path, side, end, chosen):
    paths = write_files(tmp_path, languages=("en", "he"))
    changed = paths[side == "target"]
    texts = lines(changed)
    texts[::10] = [text + end for text in texts[::10]]
    changed.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    made = init(job(find_corpus(*paths), tmp_path))
    assert load_run_config(made.config).subwords.normalization == chosen
    told = "10% of the target's lines would not come back" in made.config.read_text()
    assert told == (chosen == "identity")


def test_the_command_says_what_it_chose_and_what_comes_next(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_table(tmp_path / "pairs.tsv")
    main(["init", "pairs.tsv", "-o", "my.yaml", "--source", "en", "--target", "he"])
    said = capsys.readouterr().out
    assert "data/my/train.en, data/my/train.he: 270 pairs for train" in said
    assert "model.units: " in said and "training takes about " in said
    assert said.endswith("next:  seq2seq train my.yaml\n")
    assert load_run_config(tmp_path / "my.yaml").data.train_source.is_file()


@pytest.mark.parametrize(
    ("given", "complaint"), [(["--columns", "1,1"], "two different"), (["--source", "a/b"], "no l")]
)
def test_wrong_usage_exits_with_2(tmp_path, capsys, given, complaint):
    with pytest.raises(SystemExit, match="2"):
        main(["init", "pairs.tsv", "-o", "my.yaml", *given])
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize("split", ["validation", "test"])
def test_held_out_text_that_cannot_be_read_as_pairs_is_told_at_once(tmp_path, split):
    given, short = write_files(tmp_path), write_files(tmp_path, 5, split="short")
    short[1].write_text("one line\n")
    with pytest.raises(DataError, match=r"short.en has 5 lines but .*short.he has 1"):
        init(job(replace(find_corpus(*given), **{split: tuple(short)}), tmp_path))
    for path in short:
        path.write_text("")
    with pytest.raises(DataError, match=r"short.en is empty"):
        init(job(replace(find_corpus(*given), **{split: tuple(short)}), tmp_path))
    assert not (tmp_path / "data").exists()


def test_a_link_to_itself_is_written_over(tmp_path):
    (tmp_path / "my.yaml").symlink_to(tmp_path / "my.yaml")
    made = init(job(find_corpus(*write_files(tmp_path)), tmp_path))
    assert load_run_config(made.config).data.train_source.is_file()
