"""The data doctor: what it says about healthy, damaged and unusable files."""

import gzip
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from data_prep.__main__ import main
from data_prep.miniature.corpus import DEFAULT_SEED, make_corpus
from seq2seq.data.lines import UTF_16_MARKS

ROOT = Path(__file__).resolve().parents[2]


def check(*arguments):
    return main(["check", *map(str, arguments)])


def write(path, lines):
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


@pytest.fixture
def files(tmp_path):
    """Two healthy files of 20 lines, and how to write them again with some lines changed."""

    def write_files(source=(), target=()):
        paths = []
        for name, changes in (("a.en", source), ("a.de", target)):
            lines = [b"sentence %d of %s" % (n, name.encode()) for n in range(1, 21)]
            for number, line in dict(changes).items():
                lines[number - 1] = line
            paths.append(write(tmp_path / name, lines))
        return paths

    return write_files


def test_the_generated_corpus_is_found_healthy(tmp_path, capsys):
    pairs = make_corpus(DEFAULT_SEED)["train"]
    paths = [
        write(tmp_path / name, [text.encode() for text in side])
        for name, side in zip(("a.en", "a.de"), zip(*pairs, strict=True), strict=True)
    ]
    assert check(*paths) == 0
    table, verdict = capsys.readouterr().out.split("\n\n")
    assert verdict == "usable: 8,000 of 8,000 pairs\n"
    assert [line.split()[1] for line in table.splitlines()[1:]] == ["8,000", "8,000"]


@pytest.mark.parametrize(
    ("source", "target", "row"),
    [
        ({}, {3: b"\xff sentence"}, "bytes that are not UTF-8: target 1 5.00% 3"),
        ({4: b" "}, {4: b""}, "blank on both sides 1 5.00% 4"),
        ({4: b""}, {}, "blank on one side: source 1 5.00% 4"),
        ({4: b"same words"}, {4: b"same words"}, "the same text on both sides 1 5.00% 4"),
        ({9: b"a " * 101}, {9: b"b " * 101}, "very long line (over 100 words): source 1 5.00% 9"),
        ({}, {9: b"ab " * 40}, "one side much longer (over 3 times): target 1 5.00% 9"),
        ({9: b"<p>a dog</p>"}, {}, "HTML tags: source 1 5.00% 9"),
        ({}, {9: "das ist fÃ¼r dich".encode()}, "letters garbled by a wrong encoding: target 1"),
        ({2: b"dog", 7: b"dog"}, {2: b"Hund", 7: b"Hund"}, "repeats an earlier pair 1 5.00% 7"),
        ({2: b"dog", 7: b"dog"}, {}, "source seen before with another target 1 5.00% 7"),
        ({}, {5: "предложение".encode()}, "letters of another script: cyrillic among latin, ta"),
        ({n: b"a dog %d\r" % n for n in range(1, 21)}, {}, "Windows line end: source 20 100.00%"),
        ({1: b"\xef\xbb\xbfa dog"}, {}, "byte order mark: source 1 5.00% 1"),
        ({1: b"the dog &amp; me"}, {}, "HTML entities: source 1 5.00% 1"),
        ({1: b"the dog\xe2\x80\xa8runs"}, {}, "line separator inside a line: source 1 5.00% 1"),
        ({1: b"the\tdog"}, {}, "tabs or control characters: source 1 5.00% 1"),
        ({1: b"u\xcc\x88ber"}, {}, "Unicode not in form NFC: source 1 5.00% 1"),
        (
            {n: b" dog %d" % n for n in range(9, 13)},
            {},
            "space around the line: source 4 20.00% 9,",
        ),
    ],
)
def test_each_kind_of_damage_is_a_row_and_no_failure(files, capsys, source, target, row):
    assert check(*files()) == 0
    assert "share" not in capsys.readouterr().out
    assert check(*files(source, target)) == 0
    assert row in " ".join(capsys.readouterr().out.split())


def test_three_lines_are_named_and_more_are_dots(files, capsys):
    for blank, lines in ((3, "1, 2, 3"), (4, "1, 2, 3, ...")):
        assert check(*files(dict.fromkeys(range(1, blank + 1), b""))) == 0
        (row,) = (each for each in capsys.readouterr().out.splitlines() if "on one side" in each)
        assert row.endswith(f"%  {lines}")


def test_the_last_line_says_how_many_are_usable_and_how_to_keep_them(files, capsys):
    paths = files({4: b"", 5: b" a dog"})
    assert check(*paths, "--longest", 50, "--ratio", 2.5, "--symbol", "<bt>") == 0
    verdict = capsys.readouterr().out.splitlines()[-1]
    assert verdict == (
        f"usable: 19 of 20 pairs; `python -m data_prep clean {paths[0]} {paths[1]} --longest 50 "
        "--ratio 2.5 --symbol '<bt>' --output DIR` leaves out the rest and mends lines"
    )


def test_different_numbers_of_lines_are_refused_after_the_report(tmp_path, files, capsys):
    source, target = files({4: b""})
    write(target, [b"Satz"] * 18)
    assert check(source, target) == 1
    out, err = capsys.readouterr()
    assert "blank on one side: source" in out
    assert err == (
        f"error: {source} has 20 lines but {target} has 18; parallel files need equal counts\n"
    )


def test_a_missing_line_is_located(tmp_path, capsys):
    pairs = make_corpus(DEFAULT_SEED)["train"][:1000]
    source = write(tmp_path / "a.en", [text.encode() for text, _ in pairs])
    target = write(tmp_path / "a.de", [text.encode() for _, text in pairs[:600] + pairs[601:]])
    assert check(source, target) == 1
    assert "fit target lines 1 earlier: correlation 0.9" in capsys.readouterr().out


def test_files_without_a_usable_pair_are_refused(tmp_path, capsys):
    empty = write(tmp_path / "empty", [])
    same = write(tmp_path / "same", [b"a dog"])
    for paths in ((empty, empty), (same, same)):
        assert check(*paths) == 1
        out, err = capsys.readouterr()
        assert "lines" in out
        assert "hold no usable pair" in err
        assert err.count("\n") == 1


def test_files_that_cannot_be_read_are_named(tmp_path, files, capsys):
    source, target = files()
    (tmp_path / "no.gz").write_bytes(b"not gzip")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(bytes(99))[:-9])
    for path in ("absent", "no.gz", "cut.gz", "."):
        for arguments in (
            (source, path),
            (path, target),
            (source, target, "--against", path, path),
        ):
            assert check(*(tmp_path / each if each == path else each for each in arguments)) == 1
            out, err = capsys.readouterr()
            assert out == ""
            assert str(tmp_path / path) in err
            assert err.count("\n") == 1


def test_compressed_files_get_the_same_report(tmp_path, files, capsys):
    paths = files({4: b""})
    check(*paths)
    plain = capsys.readouterr().out
    packed = []
    for path in paths:
        packed.append(tmp_path / f"{path.name}.gz")
        packed[-1].write_bytes(gzip.compress(path.read_bytes()))
    assert check(*packed) == 0
    compressed = capsys.readouterr().out
    assert compressed.replace(".gz", "").split() == plain.split()


def test_symbols_are_told_apart_from_tags(files, capsys):
    paths = files({4: b"<bt> a dog", 5: b"<new> a dog", 6: b"<b> a dog"})
    assert check(*paths, "--symbol", "<bt>", "--symbol", "<new>") == 0
    assert "HTML tags: source 1 5.00% 6" in " ".join(capsys.readouterr().out.split())


def test_sentences_of_other_splits_are_counted_by_file(tmp_path, files, capsys):
    source, target = files()
    test = write(tmp_path / "test.en", [b"sentence 7 of a.en", b"new"])
    val = write(tmp_path / "val.de", [b"sentence 8 of a.de"])
    other = write(tmp_path / "other", [b"nothing"])
    assert check(source, target, "--against", test, other, "--against", other, val) == 0
    out = capsys.readouterr().out
    assert f"also in another split: {test} 1 5.00% 7" in " ".join(out.split())
    assert f"also in another split: {val} 1 5.00% 8" in " ".join(out.split())
    assert "usable: 18 of 20" in out
    assert "clean costs 2 of 20 pairs (10.00%); 18 stay" in out
    assert f"--against {test} {other} --against {other} {val}" in out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--ratio", "1"], "not a number above 1"),
        (["--ratio", "nan"], "not a number above 1"),
        (["--ratio", "inf"], "not a number above 1"),
        (["--ratio", "two"], "not a number above 1"),
        (["--longest", "0"], "not a whole number above 0"),
        (["--against", "one"], "expected 2 arguments"),
    ],
)
def test_wrong_usage_exits_with_2(files, capsys, arguments, complaint):
    with pytest.raises(SystemExit, match="2"):
        check(*files(), *arguments)
    assert complaint in capsys.readouterr().err


@settings(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(), st.binary())
@example(b"a\n", b"\xff\xfe")
def test_any_bytes_get_a_report(tmp_path, capsys, source, target):
    paths = tmp_path / "a", tmp_path / "b"
    for path, content in zip(paths, (source, target), strict=True):
        path.write_bytes(content)
    status = check(*paths)
    out, err = capsys.readouterr()
    if any(content.startswith(UTF_16_MARKS) for content in (source, target)):
        assert (status, out) == (1, "") and "is UTF-16" in err
    else:
        assert out.split()[:2] == ["lines", "words:"]
        assert (status, err.count("\n")) in ((0, 0), (1, 1))


def test_a_report_never_loads_tensorflow(files):
    run = (
        "import sys; from data_prep.__main__ import main; "
        f"main(['check', *{list(map(str, files()))!r}]); "
        "print(sorted({'tensorflow', 'keras', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", run], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "[]"
