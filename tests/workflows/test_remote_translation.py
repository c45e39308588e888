"""Translating by a server: the same lines in, the same formats out, and no TensorFlow."""

import gzip
import io
import json
import os
import queue
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from fake_server import ShoutingModel, free_port, serving
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.errors import DataError, ServerError
from seq2seq.serving.client import PAUSE
from seq2seq.workflows.remote_translation import RemoteJob, translate_remotely

LINES = b"the dog\n\n caf\xc3\xa9 \xff\r\n\x00last"
SHOUTED = "THE DOG\n\n CAFé \ufffd\n\x00LAST\n".encode()


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("models"), ShoutingModel()) as running:
        yield running.url


def run(job, content=b""):
    stream = io.BytesIO()
    translate_remotely(job, io.BytesIO(content), stream)
    return stream.getvalue()


def test_a_line_comes_back_for_every_line(url):
    assert run(RemoteJob(url), LINES) == SHOUTED


def test_files_are_read_and_written_whole(url, tmp_path):
    source, output = tmp_path / "in.txt.gz", tmp_path / "out.txt.gz"
    source.write_bytes(gzip.compress(LINES))
    assert run(RemoteJob(url, source, output)) == b""
    assert gzip.decompress(output.read_bytes()) == SHOUTED


def test_a_missing_file_and_a_missing_server_are_named(url, tmp_path):
    with pytest.raises(DataError, match="nowhere.txt does not exist"):
        run(RemoteJob(url, tmp_path / "nowhere.txt"))
    with pytest.raises(ServerError, match="no URL"):
        run(RemoteJob("no URL"), LINES)


def test_the_first_token_of_a_file_is_sent(tmp_path):
    tokens, wrong = tmp_path / "tokens", tmp_path / "wrong"
    tokens.write_text("secret\nother\n")
    wrong.write_text("guess")
    base = tmp_path / "models"
    with serving(base, ShoutingModel(), token_file=str(tokens)) as server:
        assert run(RemoteJob(server.url, token_file=tokens), b"dog\n") == b"DOG\n"
        with pytest.raises(ServerError, match="the token is not one of this server's"):
            run(RemoteJob(server.url, token_file=wrong), b"dog\n")
        with pytest.raises(ServerError, match="this server wants a token"):
            run(RemoteJob(server.url), b"dog\n")


def test_the_command_loads_neither_tensorflow_nor_numpy(url):
    code = (
        "import sys; from seq2seq.cli.main import main\n"
        f"main(['translate', '--server', '{url}'])\n"
        "print(sorted({'tensorflow', 'keras', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], input=LINES, capture_output=True)
    assert (done.stdout, done.returncode) == (SHOUTED + b"[]\n", 0)


def test_options_that_belong_to_a_run_are_refused_with_a_server():
    command = [sys.executable, "-m", "seq2seq", "translate", "--server"]
    address = f"http://127.0.0.1:{free_port()}"
    done = subprocess.run([*command, address, "--beam", "3"], capture_output=True, text=True)
    assert done.returncode == 1 and "--server goes with [INPUT]" in done.stderr


class Answers:
    """In place of a client: the answers of an exported model."""

    url = "http://host:1/v1/models/seq2seq"

    def __init__(self, **outputs):
        self._outputs = outputs

    def predict_rows(self, signature, rows):
        return (self._outputs[signature] for row in rows if row is not PAUSE)

    def translate(self, lines):
        return (self._outputs["serving_default"] for line in lines if line is not PAUSE)


@pytest.fixture
def answering(monkeypatch):
    def answer(**outputs):
        monkeypatch.setattr(
            "seq2seq.workflows.remote_translation.Client", lambda url, token: Answers(**outputs)
        )

    return answer


def test_rows_of_the_best_outputs_leave_empty_columns_out(answering):
    answering(
        translate_nbest={
            "translations": ["Hund.", "Hunde.", ""],
            "scores": [-0.5, -1.0, 0.0],
            "log_probabilities": [-1.0, -2.0, 0.0],
        }
    )
    found = run(RemoteJob("", format="tsv"), b"dog\n").decode()
    assert found == "1\t1\t-0.5000\t-1.0000\tHund.\n1\t2\t-1.0000\t-2.0000\tHunde.\n"


N_BEST = {"translations": ["Hund.", ""], "scores": [-0.5, 0], "log_probabilities": [-1.0, 0.0]}
ALIGNED = {
    "translation": "Hund.",
    "source_tokens": ["dog", "</s>", ""],
    "source_length": 2,
    "tokens": ["Hund", "</s>"],
    "length": 2,
    "alignment": [[0.9, 0.1, 0], [0.2, 0.8, 0]],
    "token_log_probabilities": [-0.75, -0.25],
}


def test_json_is_cut_to_the_lengths_of_a_padded_answer(answering):
    padded = {
        "tokens": ["Hund", "</s>", "", ""],
        "alignment": [[0.9, 0.1, 0], [0.2, 0.8, 0], [], []],
    }
    answering(translate_nbest=N_BEST, align=ALIGNED | padded)
    found = json.loads(run(RemoteJob("", format="jsonl"), b"dog\n"))
    assert (found["text"], found["score"], found["log_probability"]) == ("Hund.", -0.5, -1.0)
    assert found["parts"][0]["tokens"] == ["Hund", "</s>"]
    assert found["parts"][0]["attention"] == [[0.9, 0.1], [0.2, 0.8]]


def test_json_of_a_line_that_is_aligned_in_part_has_its_whole_translation(answering, caplog):
    answering(translate_nbest=N_BEST | {"translations": ["Hund. Katze.", ""]}, align=ALIGNED)
    found = json.loads(run(RemoteJob("", format="jsonl"), b"dog. cat.\n"))
    assert (found["text"], found["parts"]) == ("Hund. Katze.", [])
    assert "1 line(s) were too long for the server to give their subwords" in caplog.text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("format", "signature", "good"),
    [("tsv", "translate_nbest", N_BEST), ("jsonl", "align", ALIGNED)],
)
def test_an_answer_of_anything_is_a_row_or_one_error(format, signature, good):
    def answered(answer):
        with pytest.MonkeyPatch.context() as patch:
            name = "seq2seq.workflows.remote_translation.Client"
            answers = {"translate_nbest": N_BEST, signature: answer}
            patch.setattr(name, lambda url, token: Answers(**answers))
            return run(RemoteJob("", format=format), b"dog\n").decode()

    whole = answered(good)
    assert whole
    for name in good:
        with pytest.raises(ServerError, match=rf"answered line 1 without .*{name[:5]}"):
            answered({key: value for key, value in good.items() if key != name})

    @given(st.sampled_from([*good, None]), json_values)
    @settings(deadline=None)
    def check(name, value):
        try:
            lines = answered(value if name is None else good | {name: value}).splitlines()
        except ServerError as error:
            assert "\n" not in str(error)
        else:
            assert lines

    check()


def test_a_stream_is_answered_as_it_arrives(url):
    """And not when it ends, or when a request is full."""
    reading, writing = os.pipe()
    written = queue.Queue()

    class Output(io.RawIOBase):
        write = staticmethod(written.put)

    def answered(line):
        os.write(writing, line)
        return written.get(timeout=30)

    with ThreadPoolExecutor(1) as threads, open(reading, "rb") as stream:
        done = threads.submit(translate_remotely, RemoteJob(url), stream, Output())
        try:
            assert [answered(b"a dog\n"), answered(b"\n"), answered(b"cat\n")] == [
                *(b"A DOG\n", b"\n", b"CAT\n")
            ]
            assert not done.done()
        finally:
            os.close(writing)
        done.result(30)


def test_a_pipe_has_a_path_too(url, tmp_path):
    os.mkfifo(path := tmp_path / "pipe")
    with ThreadPoolExecutor(1) as threads:
        threads.submit(path.write_bytes, b"a dog\n")
        assert run(RemoteJob(url, path)) == b"A DOG\n"
    with pytest.raises(DataError, match="is a folder; give a file"):
        run(RemoteJob(url, tmp_path))


@pytest.mark.parametrize("format", ["text", "tsv", "jsonl"])
def test_no_translation_shifts_lines_or_ends_the_command(answering, format):
    text = "two\nlines, half \ud800 of a pair"
    answering(
        serving_default=text,
        translate_nbest=N_BEST | {"translations": [text, text]},
        align=ALIGNED | {"translation": text, "tokens": ["\ud800\n", "</s>"]},
    )
    found = run(RemoteJob("", format=format), b"dog\ncat\n").decode()
    expected = "two lines, half \ufffd of a pair"
    rows = found.removesuffix("\n").split("\n")
    if format == "text":
        assert rows == [expected] * 2
    elif format == "tsv":
        assert [row.split("\t")[0::4] for row in rows] == [[n, expected] for n in "1122"]
    else:
        assert [json.loads(row)["text"] for row in rows] == [text.replace("\ud800", "\ufffd")] * 2


@pytest.fixture
def terms(tmp_path):
    (tmp_path / "terms.tsv").write_text("dog\tHund\nold cat\tKätzin\n")
    return tmp_path / "terms.tsv"


@pytest.mark.parametrize("format", ["text", "tsv"])
def test_terms_of_a_glossary_are_asked_for(monkeypatch, terms, format):
    asked = []

    class Client(Answers):
        def predict_rows(self, signature, rows):
            asked.extend((signature, row) for row in rows if row is not PAUSE)
            return [self._outputs[signature]] * len(asked)

    client = Client(translate_terms=N_BEST)
    monkeypatch.setattr("seq2seq.workflows.remote_translation.Client", lambda url, token: client)
    found = run(RemoteJob("", format=format, glossary=terms), b"An old cat, a dog.\n\nDogs\n")
    rows = {
        "text": "Hund.\n" * 3,
        "tsv": "".join(f"{n}\t1\t-0.5000\t-1.0000\tHund.\n" for n in "123"),
    }
    assert found.decode() == rows[format]
    assert asked == [
        ("translate_terms", {"text": "An old cat, a dog.", "terms": "Kätzin\tHund"}),
        ("translate_terms", {"text": "", "terms": ""}),
        ("translate_terms", {"text": "Dogs", "terms": ""}),
    ]


def test_terms_that_a_server_cannot_write_are_named(answering, terms):
    answering(translate_terms=N_BEST | {"translations": ["", ""]})
    with pytest.raises(
        DataError, match="no translation of line 1 can have Hund: that is more than"
    ):
        run(RemoteJob("", glossary=terms), b"a dog\n")
    assert run(RemoteJob("", glossary=terms), b"a cat\n") == b"\n"  # control: nothing was asked
    with pytest.raises(DataError, match="--glossary goes with --format text or tsv"):
        run(RemoteJob("", glossary=terms, format="jsonl"), b"a dog\n")


def test_a_server_without_terms_says_what_to_do(url, terms):
    with pytest.raises(ServerError, match="takes no terms .*; export the run anew as a SavedModel"):
        run(RemoteJob(url, glossary=terms), b"a dog\n")
