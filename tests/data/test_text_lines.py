r"""Text files: N lines in are N lines out, whatever the lines hold; they end at "\n" alone."""

import gzip
import io
import re
import tracemalloc
from contextlib import nullcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.data.lines import (
    LONGEST_LINE,
    check_encoding,
    count_lines,
    cut_lines,
    decode_lines,
    read_lines,
    read_pairs,
    write_lines,
)
from seq2seq.errors import DataError

UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # as such a file begins
# Where other readers of text would end a line, or the text.
INSIDE = ["\u2028", "\u2029", "\x85", "\f", "\v", "\x1c", "\0", "\x1a", "\r", "\ufeff"]
LINE = st.binary(max_size=12).map(lambda line: line.replace(b"\n", b""))
LINES = st.lists(LINE, max_size=12).filter(lambda lines: not b"".join(lines[:1]).startswith(UTF_16))
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=12)


@pytest.fixture(params=["plain", "gz"])
def save(request, tmp_path):
    """Writes bytes to a file, plain or compressed."""

    def save_bytes(content, name="text"):
        path = tmp_path / (f"{name}.gz" if request.param == "gz" else name)
        path.write_bytes(gzip.compress(content) if request.param == "gz" else content)
        return path

    return save_bytes


def read(path):
    return list(read_lines(path))


@settings(deadline=None)
@given(LINES, st.booleans(), st.sampled_from(["lines", "lines.gz"]))
def test_any_bytes_give_as_many_lines_as_they_hold(tmp_path_factory, lines, ended, name):
    content = b"\n".join(lines) + b"\n" * ended
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    expected = content.count(b"\n") + (content[-1:] not in (b"\n", b""))
    found = read(path)
    assert len(found) == expected
    assert "".join(found).count("\n") == 0


@settings(deadline=None)
@given(st.lists(TEXT), st.sampled_from(["written", "written.gz"]))
def test_written_lines_are_read_as_they_were(tmp_path_factory, lines, name):
    path = tmp_path_factory.getbasetemp() / name
    assert write_lines(path, iter(lines)) == len(lines)
    expected = [line.removesuffix("\r") for line in lines]
    expected[:1] = [line.removeprefix("\ufeff") for line in expected[:1]]
    assert read(path) == expected


def test_a_last_line_counts_with_and_without_its_newline(save):
    assert read(save(b"a\nb\n")) == read(save(b"a\nb")) == ["a", "b"]
    assert read(save(b"a\n\n")) == ["a", ""]
    assert read(save(b"\n")) == [""]
    assert read(save(b"")) == []


def test_windows_line_ends_and_a_byte_order_mark_are_no_text(save):
    assert read(save(b"\xef\xbb\xbfa\r\nb\r\n\r\nc")) == ["a", "b", "", "c"]
    assert read(save(b"a\n\xef\xbb\xbfb\r\r\n")) == ["a", "\ufeffb\r"]  # only at the ends


@pytest.mark.parametrize("character", INSIDE, ids=lambda character: f"U+{ord(character):04X}")
def test_a_line_goes_on_after_characters_that_others_split_at(save, character):
    line = f"a{character}b"
    assert read(save(f"{line}\nc\n".encode())) == [line, "c"]


def test_splitlines_would_split_there():
    text = "a\u2028b\u2029c\x85d\fe\vf\x1cg\rh"
    assert len(text.splitlines()) == 8
    assert list(decode_lines(io.BytesIO(text.encode()), "text")) == [text]


def test_bytes_that_are_not_utf8_are_replaced_and_their_lines_counted(save, caplog):
    path = save(b"gr\xfc\xdf\nfine\n\xff\n")
    assert read(path) == ["gr\ufffd\ufffd", "fine", "\ufffd"]
    expected = f"{path}: 2 line(s) held bytes that are not UTF-8, replaced by U+FFFD"
    assert caplog.messages == [expected]


def test_utf8_gives_no_warning(save, caplog):
    assert read(save("grüß\n\ufffd\n".encode())) == ["grüß", "\ufffd"]
    assert caplog.messages == []


@pytest.mark.parametrize("name", ["absent.en", "absent.en.gz"])
def test_a_missing_file_is_named(tmp_path, name):
    with pytest.raises(DataError, match=f"{name} does not exist"):
        read(tmp_path / name)


def test_a_folder_in_place_of_a_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=f"{tmp_path} cannot be read"):
        read(tmp_path)


PACKED = gzip.compress(b"a line\n" * 99)


@pytest.mark.parametrize(
    "content",
    [b"plain text\n", PACKED[:-9], PACKED[:-8] + b"wrong sum", PACKED[:10] + b"\xff" * 20],
    ids=["plain", "cut short", "wrong checksum", "damaged inside"],
)
def test_a_gz_file_that_is_no_sound_gzip_is_refused(tmp_path, content):
    path = tmp_path / "text.gz"
    path.write_bytes(content)
    for reads in (read, count_lines):
        with pytest.raises(DataError, match=f"{path} cannot be read"):
            reads(path)
    path.write_bytes(PACKED)
    assert len(read(path)) == 99


def test_parallel_files_give_pairs_in_order(save):
    paths = save(b"a\nb\n\n", "source"), save(b"A\nB\nC", "target")
    assert list(read_pairs(*paths)) == [("a", "A"), ("b", "B"), ("", "C")]


@pytest.mark.parametrize("counts", [(3, 5), (5, 3), (3, 4), (0, 2), (2, 0)])
def test_unequal_files_are_refused_with_both_counts(save, counts):
    source, target = (save(b"x\n" * n, side) for n, side in zip(counts, ("s", "t"), strict=True))
    message = f"{source} has {counts[0]} lines but {target} has {counts[1]};"
    pairs = read_pairs(source, target)
    assert [next(pairs) for _ in range(min(counts))] == [("x", "x")] * min(counts)
    with pytest.raises(DataError, match=re.escape(message)):
        next(pairs)


def test_the_same_lines_give_the_same_compressed_bytes(tmp_path):
    first, second = tmp_path / "first.gz", tmp_path / "second.gz"
    write_lines(first, ["a", "b"])
    write_lines(second, ["a", "b"])
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes()[4:8] == bytes(4)  # gzip's field for the time of writing
    assert gzip.decompress(first.read_bytes()) == b"a\nb\n"
    write_lines(second, ["a", "c"])
    assert first.read_bytes() != second.read_bytes()


@settings(deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=12)))
def test_a_cut_line_is_the_beginning_of_the_line_in_whole_characters(lines):
    for longest in (4, 7):
        whole = [line.encode() for line in lines]
        found = list(cut_lines(io.BytesIO(b"".join(line + b"\n" for line in whole)), "", longest))
        assert len(found) == len(lines)
        for line, cut in zip(whole, found, strict=True):
            kept = cut.removesuffix(b"\n")
            assert kept.decode().encode() == kept == line[: len(kept)]
            assert len(kept) == len(line) if len(line) <= longest else longest - 3 <= len(kept)
            assert len(kept) <= longest


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_a_line_as_long_as_the_bound_is_whole_whatever_ends_it(end, caplog):
    lines = [b"abcd" + end, b"abcde" + end] if end else [b"abcd"]
    found = list(cut_lines(io.BytesIO(b"".join(lines)), "text", 4))
    assert found == [lines[0], b"abcd\n"][: len(lines)]
    expected = ["text: 1 line(s) were cut to their first 4 bytes"] if end else []
    assert caplog.messages == expected


def test_invalid_bytes_are_cut_too():
    assert list(cut_lines(io.BytesIO(b"\x80" * 100 + b"\na"), "", 8)) == [b"\x80" * 5 + b"\n", b"a"]


@pytest.mark.parametrize("name", ["long.txt", "bomb.txt.gz"])
def test_memory_does_not_grow_with_a_line(tmp_path, name, caplog):
    path = tmp_path / name
    line = bytes(32 * LONGEST_LINE)
    path.write_bytes(gzip.compress(line + b"\nb\n", 1) if name.endswith("gz") else line + b"\nb\n")
    del line
    tracemalloc.start()
    found = [len(line) for line in read_lines(path)]
    lines = count_lines(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == [LONGEST_LINE, 1] and lines == 2
    assert peak < 8 * LONGEST_LINE
    assert caplog.messages == [f"{path}: 1 line(s) were cut to their first {LONGEST_LINE} bytes"]


@given(st.lists(st.sampled_from(["", "a", "\r", "\u2028"])), st.booleans())
def test_lines_are_counted_as_they_are_read(tmp_path_factory, lines, ended):
    path = tmp_path_factory.getbasetemp() / "counted.txt"
    path.write_text("\n".join(lines) + "\n" * ended, encoding="utf-8", newline="")
    assert count_lines(path) == len(list(read_lines(path)))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_utf_16_is_refused_and_said(tmp_path, encoding):
    r"""The first character of its text has the byte of "\n", which would be a line more."""
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    (tmp_path / "text").write_bytes(f"{mark}\u4e0a\u6d77\n".encode(encoding))
    for reader in (read, check_encoding):
        with pytest.raises(DataError, match="text is UTF-16; make it UTF-8: iconv"):
            reader(tmp_path / "text")
    assert len(b"\xff\xfe\x0a\x4e".split(b"\n")) == 2  # control


@pytest.mark.parametrize(("broken", "refused"), [(1, False), (2, True)])
def test_a_text_of_which_more_than_a_few_lines_are_broken_is_no_utf_8(save, broken, refused):
    path = save("ein grüner Hund\n".encode() * (100 - broken) + b"gr\xfcn\n" * broken)
    told = f"{path}: 2 of 100 lines are not UTF-8; .* iconv -f"
    with pytest.raises(DataError, match=told) if refused else nullcontext():
        check_encoding(path)


def test_an_empty_file_that_should_be_compressed_is_damaged(tmp_path):
    (tmp_path / "text.gz").touch()
    with pytest.raises(DataError, match="text.gz cannot be read: it is empty"):
        read(tmp_path / "text.gz")
    (tmp_path / "text.gz").write_bytes(gzip.compress(b""))
    assert read(tmp_path / "text.gz") == []


@pytest.mark.parametrize("name", ["text.gz", "text"])
def test_the_name_that_is_given_decides_on_compression(tmp_path, name):
    """A link's, which a reader is given too, not that of the file at its end."""
    (tmp_path / name).symlink_to(tmp_path / ("plain" if name.endswith(".gz") else "packed.gz"))
    write_lines(tmp_path / name, ["a", "b"])
    assert read(tmp_path / name) == ["a", "b"]
