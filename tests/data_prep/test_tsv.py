"""Tab-separated pairs into splits: nothing leaks, nothing is lost in silence."""

import gzip
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.__main__ import main

SPLITS = ("train", "val", "test")


def write(path, rows):
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8", newline="")
    return path


def split_pairs(folder, ends=("en", "de")):
    def lines(name):
        return (folder / name).read_bytes().decode().split("\n")[:-1]

    return {
        split: list(zip(*(lines(f"{split}.{end}") for end in ends), strict=True))
        for split in SPLITS
    }


def tsv(path, folder, *more, size=5):
    sizes = ["--validation", str(size), "--test", str(size)]
    return main(["tsv", str(path), "--output", str(folder), *sizes, *more])


@pytest.fixture
def rows():
    """100 pairs; each tenth source sentence has a second translation."""
    rows = [f"source {number}\ttarget {number}" for number in range(90)]
    return rows + [f"source {number}\tanother {number}" for number in range(0, 90, 9)]


def test_every_pair_goes_to_exactly_one_split(tmp_path, rows, capsys):
    assert tsv(write(tmp_path / "pairs.tsv", rows), tmp_path / "out") == 0
    splits = split_pairs(tmp_path / "out")
    assert [len(splits[split]) for split in SPLITS] == [90, 5, 5]
    together = [f"{source}\t{target}" for pairs in splits.values() for source, target in pairs]
    assert sorted(together) == sorted(rows)
    assert capsys.readouterr().out.splitlines()[0].endswith("train.{en,de}: 90 pairs")


def test_no_source_sentence_is_shared_between_splits(tmp_path, rows):
    for seed in range(20):
        path = write(tmp_path / "pairs.tsv", rows)
        assert tsv(path, tmp_path, "--seed", str(seed), "--replace") == 0
        sources = [{source for source, _ in pairs} for pairs in split_pairs(tmp_path).values()]
        assert sum(map(len, sources)) == len(set.union(*sources))


def test_files_with_other_contents_stay_unless_replacing_is_asked_for(tmp_path, rows, capsys):
    path, out = write(tmp_path / "pairs.tsv", rows), tmp_path / "out"
    assert [tsv(path, out), tsv(path, out)] == [0, 0]  # the same again is no change
    before = {each.name: each.read_bytes() for each in out.iterdir()}
    assert tsv(path, out, "--seed", "2") == 1
    assert "is there already, with other contents; pass another" in capsys.readouterr().err
    assert {each.name: each.read_bytes() for each in out.iterdir()} == before
    assert tsv(path, out, "--seed", "2", "--replace") == 0
    assert {each.name: each.read_bytes() for each in out.iterdir()} != before


def test_the_same_seed_splits_alike_and_another_seed_does_not(tmp_path, rows):
    path = write(tmp_path / "pairs.tsv", rows)
    results = []
    for seed in ("1", "1", "2"):
        assert tsv(path, tmp_path / "out", "--seed", seed, "--replace") == 0
        results.append(split_pairs(tmp_path / "out"))
    assert results[0] == results[1]
    assert results[0] != results[2]


def test_compressed_and_plain_files_give_the_same_corpus(tmp_path, rows):
    plain = write(tmp_path / "pairs.tsv", rows)
    (tmp_path / "pairs.tsv.gz").write_bytes(gzip.compress(plain.read_bytes()))
    assert tsv(plain, tmp_path / "plain") == 0
    assert tsv(tmp_path / "pairs.tsv.gz", tmp_path / "packed") == 0
    assert split_pairs(tmp_path / "plain") == split_pairs(tmp_path / "packed")


def test_columns_and_languages_can_be_chosen(tmp_path, rows):
    path = write(tmp_path / "pairs.tsv", [f"7\t{row}\tCC-BY" for row in rows])
    assert tsv(path, tmp_path, "--columns", "3,2", "--source", "cs", "--target", "pt-BR") == 0
    sources, targets = zip(*split_pairs(tmp_path, ("cs", "pt-BR"))["train"], strict=True)
    assert all(source.startswith(("target", "another")) for source in sources)
    assert all(target.startswith("source") for target in targets)


def test_skipped_lines_are_counted_by_reason(tmp_path, rows, caplog):
    path = write(tmp_path / "pairs.tsv", [*rows, "no tab", "\tempty", " \t ", rows[3], rows[3]])
    assert tsv(path, tmp_path) == 0
    assert sum(map(len, split_pairs(tmp_path).values())) == len(rows)
    assert "skipped 1 lines that have fewer than 2 columns" in caplog.text
    assert "skipped 2 lines that have an empty side" in caplog.text
    assert "skipped 2 lines that repeat an earlier pair" in caplog.text


def test_a_clean_file_gives_no_warning(tmp_path, rows, caplog):
    assert tsv(write(tmp_path / "pairs.tsv", rows), tmp_path) == 0
    assert "skipped" not in caplog.text


def test_a_small_file_is_refused_with_sizes_that_would_work(tmp_path, rows, capsys):
    path = write(tmp_path / "pairs.tsv", rows)
    assert tsv(path, tmp_path / "out", size=50) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert message.startswith(f"error: {path} has 100 distinct pairs")
    assert "pass smaller sizes, such as --validation 5 --test 5" in message
    assert not (tmp_path / "out").exists()
    assert tsv(path, tmp_path / "out", size=5) == 0


def test_splits_that_cannot_be_filled_are_refused_or_reported(tmp_path, capsys, caplog):
    rows = [f"{number}\t{side}" for number in range(9) for side in "ab"]
    path = write(tmp_path / "pairs.tsv", rows)
    assert tsv(path, tmp_path / "out", size=1) == 1
    assert "few enough translations for val" in capsys.readouterr().err
    assert tsv(path, tmp_path / "out", size=3) == 0
    assert "val has 1 pairs less than asked" in caplog.text


def test_a_missing_file_is_named(tmp_path, capsys):
    assert tsv(tmp_path / "absent.tsv", tmp_path / "out") == 1
    assert "absent.tsv does not exist" in capsys.readouterr().err


def test_a_folder_in_place_of_the_file_is_refused(tmp_path, capsys):
    assert tsv(tmp_path, tmp_path / "out") == 1
    assert "is no plain file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--columns", "1,1"], "two different columns"),
        (["--columns", "0,1"], "two different columns"),
        (["--columns", "one"], "two different columns"),
        (["--test", "0"], "not a whole number above 0"),
        (["--target", "../de"], "cannot end a file name"),
        (["--target", "en"], "both 'en'"),
    ],
)
def test_wrong_usage_exits_with_2(tmp_path, rows, capsys, arguments, complaint):
    path = write(tmp_path / "pairs.tsv", rows)
    with pytest.raises(SystemExit, match="2"):
        tsv(path, tmp_path, *arguments)
    assert complaint in capsys.readouterr().err


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\t\n"), max_size=8)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT)), st.integers(-(10**20), 10**20))
def test_any_text_is_split_without_loss_or_leak(texts, seed):
    rows = [(f"{number % 3} {source}", target) for number, (source, target) in enumerate(texts)]
    rows += [(f"filler {number}", "x") for number in range(3)]
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "pairs.tsv", ["\t".join(row) for row in rows])
        assert tsv(path, folder, "--seed", str(seed), size=1) == 0
        splits = split_pairs(Path(folder))
    stripped = {(source.strip(), target.strip()) for source, target in rows if target.strip()}
    assert sorted(pair for pairs in splits.values() for pair in pairs) == sorted(stripped)
    sources = [{source for source, _ in pairs} for pairs in splits.values()]
    assert sum(map(len, sources)) == len(set.union(*sources))


def test_a_small_file_keeps_nine_tenths_for_training(tmp_path, rows):
    path = write(tmp_path / "pairs.tsv", rows)
    assert main(["tsv", str(path), "--output", str(tmp_path)]) == 0
    assert [len(split_pairs(tmp_path)[split]) for split in SPLITS] == [90, 5, 5]


def test_a_large_file_gives_a_thousand_pairs_to_each_other_split(tmp_path):
    path = write(tmp_path / "pairs.tsv", [f"source {n}\ttarget {n}" for n in range(21_000)])
    assert main(["tsv", str(path), "--output", str(tmp_path)]) == 0
    assert [len(split_pairs(tmp_path)[split]) for split in SPLITS] == [19_000, 1000, 1000]


def test_names_that_were_not_given_are_said(tmp_path, rows, caplog):
    path = write(tmp_path / "pairs.tsv", rows)
    assert tsv(path, tmp_path, "--source", "en", "--target", "fr") == 0
    assert (tmp_path / "train.fr").is_file() and "files are named" not in caplog.text
    for one in (("--source", "nl"), ("--target", "fr")):
        assert tsv(path, tmp_path, *one) == 0
        assert "files are named" not in caplog.text
    assert tsv(path, tmp_path) == 0
    assert "the files are named .en and .de; if these are not their languages" in caplog.text
