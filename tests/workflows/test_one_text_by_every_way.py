"""Whichever way a text takes to an exported translator and back, the translation is the same.

What is compared is text, byte by byte, of lines that are ordinary, long, broken or blank.
"""

import json
import random
import re
import socket
import subprocess
import sys
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import grpc
import numpy as np
import pytest
import tensorflow as tf
from exported_model import LONGEST, N_BEST, exported_model
from fake_server import ShoutingModel, serving, strings
from loaded import loaded
from server_process import SERVE, server_process
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from data_prep.miniature.corpus import DEFAULT_SEED, make_corpus
from seq2seq.data.lines import read_lines
from seq2seq.serving.saved_model.expected_answers import (
    EXPECTED_FILE,
    decode_expected,
    first_difference,
)
from seq2seq.serving.saved_model.reader import read_meta_graph
from seq2seq.serving.saved_model.tensors import (
    PARTS_SIGNATURE,
    as_array,
    tensor_from_proto,
    tensor_to_proto,
)
from seq2seq.serving.verify.behaviour_checks import HOSTILE_TEXTS
from seq2seq.serving.verify.c_api import CApiModel

pytestmark = pytest.mark.long
COUNT = 200
SENTENCES = [source for source, _ in make_corpus(DEFAULT_SEED)["train"][:COUNT]]
BLANK = ["", " ", "\t \xa0 ", "\u3000"]
BROKEN = [SENTENCES[0].encode()[:9] + b"\xe2\x82 " + SENTENCES[1].encode(), b"\xff\xfe\xc3\x28 dog"]
UNUSUAL = [
    *("THE DOG SLEEPS!", "the  dog   sleeps", " the dog ", "dog", "?", "12.5% of 3,000 €", "\0"),
    *(
        "Die Hunde schlafen.",
        "Собака спит.",
        "狗在睡觉。",
        "e\u0301 ﬁne \U0001f469\u200d\U0001f467",
    ),
    *("\\ \" ' & <b> \x7f\x1b", "the dog\x85sleeps\x0chere\ufeff", "</s> <unk> <s> \u2047 \u2581"),
]
LONG = [
    *("dog " * 300, "no end of many words " * 60, "x" * 1500, "狗" * 400),
    *(" ".join(SENTENCES[first : first + 40]) for first in (0, 40)),
    " ".join(SENTENCES[80:120]).replace(".", "") + "!" * 300,
]
BATCHES = (1, 2, 7, 32, 1, 100)  # rows of requests, in turn


def make_lines():
    """Lines of a file; no neighbours have anything in common."""
    odd = [each.encode() for each in [*BLANK, *UNUSUAL, *LONG]] + BROKEN
    odd += [each for each in HOSTILE_TEXTS if b"\n" not in each]
    lines = odd + [each.encode() for each in SENTENCES[: COUNT - len(odd)]]
    random.Random(1).shuffle(lines)
    return lines


LINES = make_lines()


def batches():
    """The lines in batches of many sizes."""
    first = number = 0
    while first < COUNT:
        size = BATCHES[number % len(BATCHES)]
        yield LINES[first : first + size]
        first, number = first + size, number + 1


@pytest.fixture(scope="module")
def exported(request):
    return exported_model(request)


@pytest.fixture(scope="module")
def server(exported):
    """`seq2seq serve RUN`, which answers from memory."""
    options = ("--n-best", N_BEST, "--port", 0, "--grpc-port", 0)
    with server_process(*SERVE, exported.run, *options) as server:
        server.addresses = server.url, server.grpc
        yield server
        assert server.stop() == 0


@pytest.fixture(scope="module")
def by_c_api(exported):
    """The text of every line."""
    with CApiModel(exported.version) as model:
        answers = [
            model.predict("serving_default", {"text": as_array(batch, "string")})["translation"]
            for batch in batches()
        ]
    return [text.decode() for answer in answers for text in answer]


@pytest.fixture(scope="module")
def by_every_way(by_c_api, in_memory):
    """The translator's in memory; of lines that are cut, which it cuts otherwise, the graph's."""
    return [in_memory.get(number, text) for number, text in enumerate(by_c_api)]


@pytest.fixture(scope="module")
def in_memory(exported, tmp_path_factory):
    """The text of each line that is not too long for a search, by its number."""
    translator = loaded(exported.run)
    file = tmp_path_factory.mktemp("lines") / "lines.txt"
    file.write_bytes(b"\n".join([*LINES, b""]))
    lines = dict(enumerate(read_lines(file)))
    encoded = translator.subwords.encode_all(list(lines.values()))
    fitting = [number for number, ids in enumerate(encoded) if len(ids) <= LONGEST]
    assert len(lines) == COUNT and COUNT - 20 < len(fitting) < COUNT - 5
    texts = translator.translate([lines[number] for number in fitting])
    return dict(zip(fitting, texts, strict=True))


def by_rest(url):
    """The texts by requests of HTTP written by hand, several at once."""
    address = urlsplit(url)

    def post(batch):
        body = json.dumps({"instances": [_json(text) for text in batch]}).encode()
        head = f"POST /v1/models/seq2seq:predict HTTP/1.1\r\nHost: {address.netloc}\r\n"
        head += f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        with socket.create_connection((address.hostname, address.port), timeout=120) as connection:
            connection.sendall(head.encode() + body)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        head, _, content = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n"), answer
        return json.loads(content)["predictions"]

    with ThreadPoolExecutor(8) as pool:
        return [text for texts in pool.map(post, batches()) for text in texts]


def _json(text):
    try:
        return text.decode()
    except UnicodeDecodeError:
        return {"b64": b64encode(text).decode()}


def by_grpc(address):
    """The texts by TensorFlow Serving's own stubs."""
    texts = []
    with grpc.insecure_channel(address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        for batch in batches():
            request = predict_pb2.PredictRequest()
            request.model_spec.name = "seq2seq"
            request.inputs["text"].CopyFrom(tf.make_tensor_proto(batch, tf.string, [len(batch)]))
            found = stub.Predict(request, timeout=120).outputs["translation"].string_val
            texts += [text.decode() for text in found]
    return texts


def by_command(url):
    """The texts by `seq2seq translate --server`."""
    command = [sys.executable, "-m", "seq2seq", "translate", "--server", url]
    done = subprocess.run(command, input=b"\n".join([*LINES, b""]), capture_output=True)
    assert done.returncode == 0
    assert re.fullmatch(rb".* line\(s\) held bytes that are not UTF-8.*\n", done.stderr)
    *texts, rest = done.stdout.decode().split("\n")
    assert rest == ""
    return texts


def differing(found, expected):
    """The lines whose texts differ."""
    return [
        (line[:50], *texts)
        for line, *texts in zip(LINES, found, expected, strict=True)
        if texts[0] != texts[1]
    ]


def test_by_the_c_api_as_in_memory(by_c_api, by_every_way):
    assert differing(by_c_api, by_every_way) == []
    assert len(set(by_every_way)) > COUNT / 2  # lines are told apart
    assert all(by_every_way[LINES.index(each.encode())] for each in LONG[-3:])  # of sentences
    assert not any(by_every_way[LINES.index(each.encode())] for each in BLANK)


def test_by_rest(server, by_every_way):
    assert differing(by_rest(server.addresses[0]), by_every_way) == []


def test_by_grpc(server, by_every_way):
    assert differing(by_grpc(server.addresses[1]), by_every_way) == []


def test_by_the_command(server, by_every_way):
    assert differing(by_command(server.addresses[0]), by_every_way) == []


def test_terms_by_the_command_as_in_memory(server, exported, tmp_path):
    terms = {SENTENCES[0].split()[0]: "Quokka", "old": "uralt"}
    (tmp_path / "terms.tsv").write_text(
        "".join(f"{one}\t{other}\n" for one, other in terms.items())
    )
    (tmp_path / "lines.txt").write_text("".join(f"{line}\n" for line in SENTENCES[:10]))
    command = [*SERVE[:-1], "translate", "--server", server.addresses[0]]
    command += [str(tmp_path / "lines.txt"), "--glossary", str(tmp_path / "terms.tsv")]
    done = subprocess.run(command, capture_output=True, text=True)
    expected = loaded(exported.run).with_glossary(terms).translate(SENTENCES[:10])
    assert (done.stdout.splitlines(), done.stderr) == (expected, "")
    assert "Quokka" in expected[0]


def test_every_signature_of_a_run_answers_as_that_of_its_export(server, exported):
    expected = decode_expected((exported.version / EXPECTED_FILE).read_bytes())
    with grpc.insecure_channel(server.addresses[1]) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        for answer in {each.signature: each for each in expected.answers}.values():
            request = predict_pb2.PredictRequest()
            request.model_spec.name = "seq2seq"
            request.model_spec.signature_name = answer.signature
            for name, array in answer.inputs.items():
                request.inputs[name].CopyFrom(tensor_to_proto(array))
            found = stub.Predict(request, timeout=120).outputs
            outputs = {name: tensor_from_proto(each) for name, each in found.items()}
            difference = first_difference(answer.outputs, outputs, expected.float_tolerance)
            assert difference is None, answer.signature


def next_parts(stub, texts, written):
    """The answer of a signature that only runs have."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "seq2seq"
    request.model_spec.signature_name = PARTS_SIGNATURE
    request.inputs["text"].CopyFrom(tf.make_tensor_proto(texts, tf.string, [len(texts)]))
    request.inputs["written"].CopyFrom(tf.make_tensor_proto(np.array(written, np.int32)))
    found = stub.Predict(request, timeout=120).outputs
    return {name: tensor_from_proto(each) for name, each in found.items()}


def test_in_parts_as_by_a_greedy_search(server, exported):
    greedy = loaded(exported.run, beam_width=1)
    with grpc.insecure_channel(server.addresses[1]) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        for text, expected in zip(SENTENCES[:8], greedy.translate(SENTENCES[:8]), strict=True):
            written, beginnings = [[]], []
            ended = False
            while not ended:
                found = next_parts(stub, [text], np.reshape(written, (1, -1)))
                written = found["ids"][:, : found["length"][0]]
                beginnings.append(found["translation"][0].decode())
                (ended,) = found["ended"]
                assert found["whole"] == [True]
            assert beginnings[-1] == expected
            assert len(beginnings) > 1 and all(expected.startswith(each) for each in beginnings)


def test_whatever_is_written_parts_end(server):
    with grpc.insecure_channel(server.addresses[1]) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        for written in ([[-7, 10**6, 0, 3]], [[5] * 2000], [[3, 3]]):
            found = next_parts(stub, ["The dog sleeps."], written)
            assert found["ids"].shape[1] < 500 and found["translation"].shape == (1,)
        assert not next_parts(stub, ["dog " * 300], [[4]])["whole"][0]
        two = next_parts(stub, SENTENCES[:2], [[5, 6], [7, 8]])
        alone = [
            next_parts(stub, [SENTENCES[row]], [[5, 6], [7, 8]][row : row + 1]) for row in (0, 1)
        ]
        assert two["translation"].tolist() == [each["translation"][0] for each in alone]


def test_a_run_has_the_signatures_of_its_export(server, exported):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "seq2seq"
    with grpc.insecure_channel(server.addresses[1]) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        packed = stub.GetModelMetadata(request, timeout=120).metadata["signature_def"]
    served = get_model_metadata_pb2.SignatureDefMap.FromString(packed.value).signature_def
    saved = read_meta_graph(exported.version).signature_def
    names = set(served)
    assert names == set(saved) - {"__saved_model_init_op"} | {PARTS_SIGNATURE}
    assert "translate_nbest" in names
    for name in names - {PARTS_SIGNATURE}:
        assert without_tensor_names(served[name]) == without_tensor_names(saved[name])


def without_tensor_names(signature):
    for each in (*signature.inputs.values(), *signature.outputs.values()):
        each.name = ""
    return signature


class Table(ShoutingModel):
    """Answers by what it is given; `order` rearranges the answers of a batch."""

    def __init__(self, texts, order):
        super().__init__()
        self._texts = dict(zip(LINES, texts, strict=True))
        self._order = order

    def predict(self, signature, inputs):
        texts = [self._texts[text].encode() for text in inputs["text"]]
        return {"translation": strings(self._order(texts))}


def test_answers_in_another_order_would_be_noticed(tmp_path, by_every_way):
    for order, rows in ((list, 0), (lambda texts: texts[::-1], COUNT / 2)):
        table = Table(by_every_way, order)
        with serving(tmp_path, table, grpc_port=0, batching={"max_rows": 100}) as running:
            for found in (by_rest(running.url), by_grpc(running.grpc)):
                assert len(differing(found, by_every_way)) >= rows
                assert rows or found == by_every_way
