import gc
import json
import threading
import time
from urllib.parse import urlencode

import pytest
from fake_server import ShoutingModel, serving, wait_for_queue, write_versions
from hypothesis import given, settings
from hypothesis import strategies as st
from word_model import LONGEST, ReversingModel, reverse

from seq2seq.config.languages import UNKNOWN, Languages

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PAIR = {"source": "en", "target": "de"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("models"), ReversingModel()) as running:
        yield running


def translate(server, **fields):
    """Status and content of the answer to JSON."""
    status, _, content = server.request("POST", "/translate", PAIR | fields, **JSON)
    return status, content


def test_a_text_or_a_list_of_them_comes_back_in_its_form(server):
    assert translate(server, q="the dog") == (200, {"translatedText": "DOG THE"})
    assert translate(server, q=["a b", "", "c"]) == (200, {"translatedText": ["B A", "", "C"]})


def test_lines_paragraphs_and_the_space_around_them_stay(server):
    text = "One two. Three\n\n  three four \r\n\t\n five\n"
    expected = "TWO. ONE THREE\n\n  FOUR THREE \r\n\t\n FIVE\n"
    assert translate(server, q=text) == (200, {"translatedText": expected})
    assert translate(server, q=" \n ") == (200, {"translatedText": " \n "})


def test_more_lines_than_a_run_takes_keep_their_order(server):
    lines = [f"a{number} b" for number in range(300)]
    status, content = translate(server, q="\n".join(lines))
    assert (status, content["translatedText"].split("\n")) == (200, [reverse(x) for x in lines])


def test_alternatives_are_others_than_the_best(server):
    content = translate(server, q="a b", alternatives=2)[1]
    assert content == {"translatedText": "B A", "alternatives": ["B A!", "B A!!"]}
    content = translate(server, q=["a\nb", ""], alternatives=9)[1]
    assert content["alternatives"] == [["A!\nB!", "A!!\nB!!"], []]
    assert "alternatives" not in translate(server, q="a", alternatives=0)[1]


def test_markup_goes_with_its_words_and_the_rest_stays(server):
    markup = '<p>\n the <b>red</b> <a href="x">dog</a> &lt;</p><script>x()</script>'
    expected = '<p>\n &lt; <a href="x">DOG</a> <b>RED</b> THE</p><script>x()</script>'
    assert translate(server, q=markup, format="html") == (200, {"translatedText": expected})
    assert translate(server, q=markup)[1]["translatedText"] != expected  # as text it is not read
    content = translate(server, q=[markup], format="html", alternatives=2)[1]
    assert content == {"translatedText": [expected], "alternatives": [[]]}


def test_a_sentence_that_the_alignment_is_not_all_about_keeps_all_its_words_and_tags(server):
    words = [f"w{number}" for number in range(LONGEST + 5)]
    markup = f"<b>{words[0]}</b> {' '.join(words[1:])}"
    found = translate(server, q=markup, format="html")[1]["translatedText"]
    assert found.replace("<b>", "").replace("</b>", "") == reverse(" ".join(words))
    assert found.count("<b>") == found.count("</b>") == 1


def test_the_source_may_be_detected(server):
    content = translate(server, q="The woman is reading a book in the garden.", source="auto")[1]
    detected = content["detectedLanguage"]
    assert detected["language"] == "en" and 50 < detected["confidence"] <= 100
    # Of one language that can be translated, another's text gets it, and is not believed to be it.
    russian = translate(server, q=["Женщина читает книгу в саду."], source="auto")[1]
    assert russian["detectedLanguage"] == [{"language": "en", "confidence": 0}]


def test_detection_names_the_languages_that_models_know(server):
    def detect(q):
        return server.request("POST", "/detect", {"q": q}, **JSON)[2]

    german, english = detect("Die Frau liest ein Buch im Garten.")
    assert german["language"] == "de" and german["confidence"] > 50 > english["confidence"]
    assert [each["confidence"] for each in detect("12")] == [0, 0] or detect("12")[0][
        "confidence"
    ] < 5


def test_languages_settings_and_health(server):
    languages = [
        {"code": "de", "name": "German", "targets": []},
        {"code": "en", "name": "English", "targets": ["de"]},
    ]
    assert server.request("GET", "/languages")[2] == languages
    chosen = server.request("GET", "/frontend/settings")[2]
    assert chosen["language"]["source"] == {"code": "en", "name": "English"}
    assert chosen["language"]["target"] == {"code": "de", "name": "German"}
    assert server.request("GET", "/health")[2] == {"status": "ok"}


def test_the_description_names_every_path_that_is_answered(server):
    described = server.request("GET", "/spec")[2]
    assert described["openapi"].startswith("3.")
    for path, methods in described["paths"].items():
        for method in methods:
            assert server.request(method.upper(), path)[0] not in (404, 405)


@pytest.mark.parametrize("body", [urlencode(PAIR | {"q": "a b"}), ""], ids=["form", "query"])
def test_fields_may_come_in_a_form_or_in_the_query(server, body):
    query = "" if body else f"?{urlencode(PAIR | {'q': 'a b'})}"
    found = server.request("POST", f"/translate{query}", body, **FORM)
    assert found[::2] == (200, {"translatedText": "B A"})


def test_fields_may_come_in_parts(server):
    parts = [("q", "a b"), *PAIR.items()]
    body = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in parts
    )
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    found = server.request("POST", "/translate", f"{body}--x--\r\n", **kind)
    assert found[::2] == (200, {"translatedText": "B A"})
    assert server.request("POST", "/translate", "--y", **kind)[0] == 400


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "Invalid request: missing q parameter"),
        ({"q": []}, "Invalid request: missing q parameter"),
        ({"q": "a", "source": None}, "Invalid request: missing source parameter"),
        ({"q": "a", "target": ""}, "Invalid request: missing target parameter"),
        ({"q": "a", "target": "fr"}, "fr is not supported"),
        ({"q": "a", "target": "fr", "source": "auto"}, "fr is not supported"),
        ({"q": "a", "source": ["en"]}, "['en'] is not supported"),
        ({"q": "a", "format": "pdf"}, "pdf format is not supported"),
        (
            {"q": "a", "alternatives": "x"},
            "Invalid request: alternatives parameter is not a number",
        ),
        ({"q": ["a", 1]}, "Invalid request: q is 1, and no text"),
        ({"q": "\ud800"}, "Invalid request: q has half of a surrogate pair"),
        (
            {"q": "a", "source": "de", "target": "en"},
            "English (en) is not available as a target language from German (de)",
        ),
    ],
)
def test_a_wrong_request_is_refused_in_libretranslates_words(server, fields, message):
    assert translate(server, **fields) == (400, {"error": message})


def test_tags_of_languages_have_no_case_and_unknown_fields_no_meaning(server):
    assert translate(server, q="a b", source="EN", target="De", apiKey="", secret=1)[0] == 200


@pytest.mark.parametrize("path", ["/suggest", "/translate_file"])
def test_what_is_not_offered_is_refused(server, path):
    status, _, content = server.request("POST", path, "")
    assert status == 403 and content["error"].endswith("disabled on this server.")


def test_a_model_of_unknown_languages_is_not_offered(tmp_path):
    model = ShoutingModel()
    model.languages = UNKNOWN
    with serving(tmp_path, model) as server:
        assert server.request("GET", "/languages")[2] == []
        assert server.request("GET", "/frontend/settings")[0] == 200
        assert translate(server, q="a") == (400, {"error": "en is not supported"})
        assert translate(server, q="a", source="auto")[0] == 400


def test_nothing_is_translated_before_a_model_is_loaded(tmp_path):
    write_versions(tmp_path, 1)
    seen = {}

    def load(_):
        seen["languages"] = box[0].request("GET", "/languages")[2]
        seen["translate"] = [translate(box[0], q="a", source=each)[0] for each in ("en", "auto")]
        return ReversingModel()

    with serving(tmp_path, loader=load, before=(box := [])) as server:
        assert translate(server, q="a")[0] == 200
    assert seen == {"languages": [], "translate": [503, 503]}


def test_each_pair_of_languages_has_its_model(tmp_path):
    pairs = {
        "ende": Languages("en", "de"),
        "enfr": Languages("en", "fr"),
        "deen": Languages("de", "en"),
    }
    folders = {name: write_versions(tmp_path / name, 1) for name in pairs}

    def load(folder):
        model = ShoutingModel(f"{folder.parent.name} ".encode())
        model.languages = pairs[folder.parent.name]
        return model

    with serving(folders, loader=load) as server:
        known = {each["code"]: each["targets"] for each in server.request("GET", "/languages")[2]}
        assert known == {"de": ["en"], "en": ["de", "fr"], "fr": []}
        for pair in pairs.values():
            found = translate(server, q="a", source=pair.source, target=pair.target)[1]
            assert found == {"translatedText": f"{pair.source}{pair.target} A"}
        german = translate(server, q="Die Frau liest ein Buch.", source="auto", target="en")[1]
        assert german["translatedText"].startswith("deen ")
        refused = translate(server, q="a", source="fr", target="de")
        assert "not available as a target language from French" in refused[1]["error"]


def test_nothing_more_is_run_for_a_client_that_went_away(tmp_path):
    model = ReversingModel()
    with serving(tmp_path, model, batching={"max_batch": 2, "max_rows": 2}) as server:
        model.gate.clear()
        body = json.dumps(PAIR | {"q": "\n".join("abcdef")}).encode()
        head = (
            "POST /translate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        with server.connect() as connection:
            connection.sendall(head.encode() + body)
            assert model.running.acquire(timeout=10)
        other = threading.Thread(target=translate, args=(server,), kwargs={"q": "z"})
        other.start()
        wait_for_queue(server, 1)
        model.gate.set()
        other.join()
    assert [texts for _, texts in model.asked] == [["a", "b"], ["z"]]


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
NAMES = st.sampled_from(["q", "source", "target", "format", "alternatives", "api_key"])
VALUES = st.sampled_from(["en", "de", "auto", "html", "text", "<b>a", "1", 2, ["x", "<p>"]]) | JUNK


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["/translate", "/detect"]), st.dictionaries(NAMES, VALUES) | JUNK)
def test_any_json_gets_an_answer_in_json(server, path, document):
    status, _, content = server.request("POST", path, json.dumps(document), **JSON)
    assert status in (200, 400) and isinstance(content, dict | list)
    assert status == 200 or list(content) == ["error"]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["x-www-form-urlencoded", "x; charset=y", "json; z"]),
    st.binary()
    | st.dictionaries(NAMES, st.text()).map(
        lambda fields: urlencode(fields, errors="replace").encode()
    ),
)
def test_any_bytes_get_an_answer_in_json(server, kind, body):
    headers = {"Content-Type": f"application/{kind}"}
    status, _, content = server.request("POST", "/translate", body, **headers)
    assert status in (200, 400) and isinstance(content, dict)


@pytest.mark.parametrize(
    "body",
    [
        b'{"q": ' + b"[" * 1_000_000,
        b'{"q": ' + b'{"a":' * 200_000,
        b'{"q": [' + b'"",' * 200_000 + b'""], "source": "en", "target": "de"}',
        b'{"q": "' + rb"a\n" * 120_000 + b'", "source": "en", "target": "de"}',
    ],
    ids=["lists", "objects", "texts", "lines"],
)
def test_depth_and_numbers_beyond_bounds_are_refused(server, body):
    assert server.request("POST", "/translate", body, **JSON)[0] == 400
    assert translate(server, q="a")[0] == 200


def test_a_form_of_very_many_fields_is_refused(server):
    assert server.request("POST", "/translate", "a=b&" * 1000, **FORM)[0] == 400


@pytest.fixture
def without_collections():
    """Python collects no garbage meanwhile, which takes half a second in a test process."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize(
    ("kind", "start", "scrap"),
    [
        (
            "multipart/form-data; boundary=xyz",
            '--xyz\r\nContent-Disposition: form-data; name="q"\r\n\r\n',
            "\r\n--xyz\r",
        ),
        (
            "application/json",
            '{"source": "en", "target": "de", "format": "html", "q": "',
            "<b>a</b>",
        ),
        ("application/x-www-form-urlencoded", "source=en&target=de&q=", "%3Cb%20"),
    ],
)
def test_others_are_answered_while_a_hostile_body_is_read(
    server, without_collections, kind, start, scrap
):
    size = 2_000_000 if kind.startswith("multipart") else 100_000
    body = start + scrap * (size // len(scrap)) + ('"}' if start.startswith("{") else "")
    ended = threading.Event()

    def ask():
        server.request("POST", "/translate", body, **{"Content-Type": kind})
        ended.set()

    other = threading.Thread(target=ask)
    other.start()
    longest = 0.0
    while not ended.is_set():
        started = time.process_time()
        assert server.request("GET", "/healthz")[0] == 200
        longest = max(longest, time.process_time() - started)
    other.join()
    assert longest < 0.3  # of this process's own time, in which the server runs too
