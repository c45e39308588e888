"""Cleaning: what is left out, what is mended, and that `check` finds none of it afterwards."""

import gzip
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data_prep.__main__ import main
from data_prep.findings.corpus import examine_corpus
from data_prep.findings.finding import KEEPABLE, Remedy, Rules


def clean(source, target, output, *more):
    return main(["clean", str(source), str(target), "--output", str(output), *map(str, more)])


def write(folder, pairs, names=("a.en", "a.de")):
    paths = [folder / name for name in names]
    for path, side in zip(paths, zip(*pairs, strict=True), strict=True):
        path.write_bytes(b"".join(line + b"\n" for line in side))
    return paths


def read(folder, names=("a.en", "a.de")):
    sides = [(folder / name).read_bytes().decode().split("\n")[:-1] for name in names]
    return list(zip(*sides, strict=True))


HEALTHY = [(b"a dog number %d" % number, b"Hund Nummer %d" % number) for number in range(20)]
DAMAGED = [
    (b" a dog", b"ein Hund\r"),  # mended
    (b"a dog", b"ein Hund"),  # the pair before again, once mended
    (b"", b"ein Hund"),
    (b"\xff", b"ein Hund"),
    (b"untranslated", b"untranslated"),
    (b"a &lt;b> dog", b"ein Hund"),
    ("für".encode(), "fÃ¼r".encode()),
    (b"es geht ueber alles", "предложение".encode()),
    (b"a dog", b"ein Hund " * 9),
    (b"word " * 101, b"Wort " * 101),
]


def test_unusable_pairs_go_and_the_others_are_mended(tmp_path, capsys):
    assert clean(*write(tmp_path, HEALTHY + DAMAGED), tmp_path / "out") == 0
    expected = [(source.decode(), target.decode()) for source, target in HEALTHY]
    assert read(tmp_path / "out") == [*expected, ("a dog", "ein Hund")]
    out = " ".join(capsys.readouterr().out.split())
    for row in (
        "repeats an earlier pair 1 3.33% 22",
        "blank on one side: source 1 3.33% 23",
        "bytes that are not UTF-8: source 1 3.33% 24",
        "the same text on both sides 1 3.33% 25",
        "HTML tags: source 1 3.33% 26",
        "letters garbled by a wrong encoding: target 1 3.33% 27",
        "letters of another script: target 1 3.33% 28",
        "one side much longer (over 3 times): target 1 3.33% 29",
        "very long line (over 100 words): source 1 3.33% 30",
        "space around the line: source 1 3.33% 21",
        "Windows line end: target 1 3.33% 21",
    ):
        assert row in out
    assert "clean costs 9 of 30 pairs (30.00%); 21 stay" in out
    assert out.endswith(f"{tmp_path}/out/a.en and {tmp_path}/out/a.de: 21 of 30 pairs")


def test_healthy_text_stays_as_it_is(tmp_path, capsys):
    paths = write(tmp_path, HEALTHY)
    assert clean(*paths, tmp_path / "out") == 0
    for path in paths:
        assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes()
    assert "share" not in capsys.readouterr().out


FRAGMENTS = [b"\xff", b"\xc3", b" ", b"\t", b"\x00", b"\r", b"\x0c", b"&", b"amp;", b"&lt;", b"b>"]
FRAGMENTS += [b"a dog", b"<i>", b"&#10;", b"word " * 30, b"abc", b"1"] * 2
FRAGMENTS += [
    text.encode() for text in ("e", "\u0301", "Ã¼", "\u2028", "\ufeff", "\x85", "предложение", "Ã")
]
LINES = st.lists(st.sampled_from(FRAGMENTS), max_size=4).map(b"".join)


@settings(deadline=None, max_examples=100)
@example([*HEALTHY, *DAMAGED], [])
@example([("предложение".encode(), b"ein Hund")] + HEALTHY[:5] * 3, ["duplicate"])
@given(
    st.lists(st.tuples(LINES, LINES), min_size=1, max_size=30),
    st.lists(st.sampled_from([finding.option for finding in KEEPABLE]), max_size=3),
)
def test_check_finds_nothing_of_what_cleaning_removes(pairs, kept):
    options = [word for name in kept for word in ("--keep", name)]
    rules = Rules(kept=frozenset(finding for finding in KEEPABLE if finding.option in kept))
    with tempfile.TemporaryDirectory() as folder:
        paths = write(Path(folder), pairs)
        usable = examine_corpus(*paths, rules).usable
        output = Path(folder) / "out"
        assert clean(*paths, output, *options) == (0 if usable else 1)
        assert output.exists() == bool(usable)
        if usable:
            after = examine_corpus(output / "a.en", output / "a.de", rules)
            assert after.lines == (usable, usable)
            assert after.usable == usable
            assert all(finding.remedy is Remedy.REPORTED for finding, _ in after.findings)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(LINES, LINES), min_size=1, max_size=30))
def test_the_counts_of_pairs_left_out_and_kept_add_up(pairs):
    with tempfile.TemporaryDirectory() as folder:
        paths = write(Path(folder), pairs + HEALTHY)
        with pytest.MonkeyPatch.context() as patch:
            printed = []
            patch.setattr("builtins.print", lambda text, **_: printed.append(text))
            assert clean(*paths, Path(folder) / "out") == 0
        left_out = printed[0].split("pairs that clean leaves out")
        table = left_out[1].split("\n\n")[0] if len(left_out) > 1 else ""
        counts = re.findall(r"  (\d+) +(?:<?\d+\.\d+%)", table)
        kept = len(read(Path(folder) / "out"))
        assert sum(map(int, counts)) + kept == len(pairs) + len(HEALTHY)


@pytest.mark.parametrize(
    ("name", "pair"),
    [
        ("identical", (b"same words", b"same words")),
        ("long", (b"word " * 101, b"Wort " * 101)),
        ("ratio", (b"a dog", b"ein Hund " * 9)),
        ("tags", (b"a <b>dog</b>", b"ein Hund")),
        ("mojibake", ("für".encode(), "fÃ¼r".encode())),
        ("duplicate", HEALTHY[0]),
        ("script", (b"a sentence here", "предложение".encode())),
        ("entities", (b"a &amp; b", b"ein &amp; b")),
        ("unnormalised", (b"over", b"u\xcc\x88ber")),
    ],
)
def test_each_finding_can_be_kept(tmp_path, name, pair):
    pair = pair[0].strip(), pair[1].strip()
    paths = write(tmp_path, [*HEALTHY, pair])
    text = tuple(side.decode() for side in pair)
    assert clean(*paths, tmp_path / "out", "--keep", name) == 0
    assert read(tmp_path / "out")[20:] == [text]
    assert clean(*paths, tmp_path / "out", "--replace") == 0
    assert read(tmp_path / "out")[20:] != [text]


def test_limits_can_be_tuned(tmp_path):
    pairs = [(b"a b c d e f", b"g h i j k l"), (b"x" * 50, b"y" * 20)]
    paths = write(tmp_path, pairs)
    for more, left in (([], 2), (["--longest", 5], 1), (["--ratio", 2], 1)):
        assert clean(*paths, tmp_path / "out", *more, "--replace") == 0
        assert len(read(tmp_path / "out")) == left


def test_pairs_with_symbols_of_the_vocabulary_stay(tmp_path):
    paths = write(tmp_path, [(b"<bt> a dog", b"ein Hund"), (b"<b> a cat", b"eine Katze")])
    assert clean(*paths, tmp_path / "out", "--symbol", "<bt>") == 0
    assert read(tmp_path / "out") == [("<bt> a dog", "ein Hund")]


def test_sentences_of_another_split_are_left_out(tmp_path):
    paths = write(tmp_path, HEALTHY)
    test = write(tmp_path, [(HEALTHY[3][0], b"neu"), (b"new", HEALTHY[5][1])], ("t.en", "t.de"))
    assert clean(*paths, tmp_path / "out", "--against", *test) == 0
    left = [(source.encode(), target.encode()) for source, target in read(tmp_path / "out")]
    assert [pair for pair in HEALTHY if pair not in left] == [HEALTHY[3], HEALTHY[5]]


def test_compressed_files_give_plain_copies(tmp_path):
    paths = []
    for path in write(tmp_path, HEALTHY):
        paths.append(path.with_name(f"{path.name}.gz"))
        paths[-1].write_bytes(gzip.compress(path.read_bytes()))
    assert clean(*paths, tmp_path / "out") == 0
    assert (tmp_path / "out" / "a.de").read_bytes() == (tmp_path / "a.de").read_bytes()


def test_copies_may_stand_beside_packed_files_where_nothing_of_their_name_does(tmp_path):
    paths = []
    for path in write(tmp_path, HEALTHY):
        paths.append(path.with_name(f"{path.name}.gz"))
        paths[-1].write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert clean(*paths, tmp_path) == 0
    assert read(tmp_path) == [(source.decode(), target.decode()) for source, target in HEALTHY]


def test_what_is_only_worth_a_look_is_not_among_what_was_done(tmp_path, capsys):
    pairs = [*HEALTHY, (HEALTHY[0][0], b"noch eine andere")]
    assert clean(*write(tmp_path, pairs), tmp_path / "out") == 0
    assert "another target" not in capsys.readouterr().out
    assert len(read(tmp_path / "out")) == len(pairs)


def test_no_file_that_is_read_is_ever_overwritten(tmp_path, capsys):
    paths = write(tmp_path, HEALTHY + DAMAGED)
    (tmp_path / "link").symlink_to(tmp_path)
    packed = [tmp_path / "a.en.gz", tmp_path / "a.de.gz"]
    for path, plain in zip(packed, paths, strict=True):
        path.write_bytes(gzip.compress(plain.read_bytes()))
    before = [path.read_bytes() for path in paths]
    other = write(tmp_path / "link", HEALTHY, ("b.en", "b.de"))
    (tmp_path / "out").mkdir()
    for source, target in (paths, packed, other):
        for output in (tmp_path, tmp_path / "link", tmp_path / "out" / ".."):
            assert clean(source, target, output) == 1
            assert "would be overwritten; pass another --output" in capsys.readouterr().err
    (tmp_path / "deep").mkdir()
    deep = write(tmp_path / "deep", HEALTHY)
    assert clean(*deep, tmp_path, "--against", *paths) == 1
    assert "would be overwritten; pass another --output" in capsys.readouterr().err
    assert [path.read_bytes() for path in paths] == before
    assert clean(*other, tmp_path / "out") == 0


def test_unusable_files_leave_nothing_behind(tmp_path, capsys):
    source, target = write(tmp_path, HEALTHY)
    short = tmp_path / "short"
    short.write_bytes(b"Satz\n")
    for other, complaint in (
        (short, "has 20 lines but"),
        (tmp_path / "absent", "does not exist"),
        (tmp_path, "is no plain file"),
    ):
        assert clean(source, other, tmp_path / "out") == 1
        err = capsys.readouterr().err
        assert complaint in err
        assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("utf_16", ["source", "target"])
def test_utf_16_is_refused_as_elsewhere(tmp_path, capsys, utf_16):
    paths = dict(zip(("source", "target"), write(tmp_path, HEALTHY), strict=True))
    text = paths[utf_16].read_text()
    paths[utf_16].write_bytes(text.replace("\n", "\r\n").encode("utf-16"))
    for verb in (
        ["clean", *map(str, paths.values()), "--output", str(tmp_path / "out")],
        ["check", *map(str, paths.values())],
    ):
        assert main(verb) == 1
        assert "is UTF-16; make it UTF-8" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_output_that_cannot_be_written_is_named(tmp_path, capsys):
    paths = write(tmp_path, HEALTHY)
    (tmp_path / "file").write_text("keep me")
    (tmp_path / "out" / "a.en").mkdir(parents=True)
    for output in ("file", "out"):
        assert clean(*paths, tmp_path / output) == 1
        err = capsys.readouterr().err
        assert err.startswith(f"error: the corpus cannot be written to {tmp_path / output}")
        assert err.count("\n") == 1
    assert (tmp_path / "file").read_text() == "keep me"


def test_two_files_of_one_name_are_wrong_usage(tmp_path, capsys):
    for folder in ("en", "de"):
        (tmp_path / folder).mkdir()
    paths = write(tmp_path, HEALTHY, ("en/train.txt", "de/train.txt"))
    with pytest.raises(SystemExit, match="2"):
        clean(*paths, tmp_path / "out")
    assert "give the files different names" in capsys.readouterr().err
