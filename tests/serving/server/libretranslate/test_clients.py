"""Clients of LibreTranslate as their authors publish them, against a running server."""

import json
import os
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest
from deep_translator import LibreTranslator
from fake_server import serving
from libretranslatepy import LibreTranslateAPI
from word_model import ReversingModel

NODE_CLIENT = Path(__file__).parents[4] / "build" / "clients" / "package"
TEXT = "the dog & cat\n\nsleep 100%"
TRANSLATION = "CAT & DOG THE\n\n100% SLEEP"
CALL = """
const { translate } = require(process.argv[1]);
const [query, apiurl] = process.argv.slice(2);
translate({ query, source: "en", target: "de", apiurl }).then((text) => process.stdout.write(text));
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("models"), ReversingModel()) as running:
        yield running


@pytest.mark.parametrize("key", [None, "any"])
def test_libretranslatepy(server, key):
    client = LibreTranslateAPI(server.url, key)
    assert client.translate(TEXT, "en", "de", timeout=20) == TRANSLATION
    assert [each["code"] for each in client.languages(timeout=20)] == ["de", "en"]
    assert client.detect("Die Frau liest ein Buch im Garten.", timeout=20)[0]["language"] == "de"


def test_deep_translator(server):
    client = LibreTranslator("en", "de", api_key="any", custom_url=f"{server.url}/")
    assert client.translate(TEXT) == TRANSLATION
    assert client.translate_batch(["a b", "c d"]) == ["B A", "D C"]


def test_libretranslate_of_npm(server):
    if not NODE_CLIENT.exists() or shutil.which("node") is None:
        assert "CI" not in os.environ, "run make clients"
        pytest.skip("no node, or no client yet: make clients")
    command = ["node", "-e", CALL, str(NODE_CLIENT), TEXT, server.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == (TRANSLATION, "")


def test_the_requests_that_weblate_sends(server):
    """What weblate.machinery.libretranslate of Weblate 5.14 sends and reads.

    Its class is not called itself: importing it reads Weblate's database models, and Weblate does
    not install from wheels alone: borgbackup and pycairo build against libraries of the system.
    """
    with urllib.request.urlopen(f"{server.url}/languages") as response:
        assert {each["code"] for each in json.load(response)} == {"en", "de"}
    texts = ["the dog", "<b>%s</b> files", ""]
    body = {"api_key": "", "q": texts, "source": "en", "target": "de"}
    headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip, deflate"}
    asked = urllib.request.Request(
        f"{server.url}/translate", json.dumps(body).encode(), headers, method="POST"
    )
    with urllib.request.urlopen(asked) as response:
        translated = json.load(response)["translatedText"]
    assert translated == ["DOG THE", "FILES <B>%S</B>", ""]
