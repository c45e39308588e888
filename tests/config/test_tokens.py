import pytest

from seq2seq.config.tokens import read_tokens
from seq2seq.errors import ServerError


def test_each_line_is_a_token(tmp_path):
    path = tmp_path / "tokens"
    path.write_bytes(b"old\r\n\n  new-1_=/+\n")
    assert read_tokens(path) == ("old", "new-1_=/+")


def test_a_token_may_be_as_long_as_a_header_takes(tmp_path):
    path = tmp_path / "tokens"
    path.write_text("x" * 4096)
    assert read_tokens(path) == ("x" * 4096,)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty; write a token"),
        (b" \n\n", "is empty"),
        (b"ok\ntwo words\n", "token 2 of .* has spaces"),
        ("schlüssel".encode(), "characters that are not ASCII"),
        (b"x" * 4097, "too long"),
        (b"\xff\xfe", "cannot be read: it is no text"),
    ],
)
def test_a_file_of_no_use_is_named(tmp_path, content, complaint):
    path = tmp_path / "tokens"
    path.write_bytes(content)
    with pytest.raises(ServerError, match=complaint) as error:
        read_tokens(path)
    assert str(path) in str(error.value) and "two words" not in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ServerError, match="nowhere cannot be read: No such file"):
        read_tokens(tmp_path / "nowhere")
