import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
import toy_models

from seq2seq.errors import ExportError
from seq2seq.serving.saved_model.expected_answers import EXPECTED_FILE
from seq2seq.serving.saved_model.tensors import Signature, TensorSpec, as_array
from seq2seq.serving.saved_model.warmup import WARMUP_FILE, WarmupRequest, write_warmup
from seq2seq.serving.verify.behaviour_checks import HOSTILE_TEXTS, probe_batch
from seq2seq.serving.verify.report import Problem
from seq2seq.serving.verify.verification import verify

NAMES = ["operations", "compilation", "devices", "signatures", "weights", "loading", "warm-up"]
NAMES += ["expected answers", "batch sizes", "any text", "batch independence", "repeatability"]


def saved(path, **functions):
    """A model without weights that answers as recorded, unless its functions are at fault."""
    toy_models.save_plain(path, **functions)
    functions = {"serving_default": toy_models.capitals} | functions
    toy_models.record(path, functions, parameter_bytes=None)
    return path


def problems(path):
    """Messages by check, of the checks that did not pass."""
    report = verify(path)
    assert [check.name for check in report.checks] == NAMES
    found = {check.name: list(check.messages) for check in report.checks if not check.ok}
    assert report.problems == [Problem(name, each) for name in found for each in found[name]]
    return found


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("plain") / "1")


def test_a_good_model_passes_wherever_it_was_moved(tmp_path):
    toy_models.copy(toy_models.good_model(), tmp_path / "here" / "1")
    (tmp_path / "elsewhere").mkdir()
    shutil.move(tmp_path / "here" / "1", tmp_path / "elsewhere" / "7")
    report = verify(tmp_path / "elsewhere")
    assert report.problems == []
    assert report.ok
    assert [check.name for check in report.checks] == NAMES
    assert report.directory == tmp_path / "elsewhere" / "7"
    report.require_ok()


def test_a_model_saved_as_attribute_is_caught_by_running_it(tmp_path):
    path = toy_models.save_as_attribute(tmp_path / "1")
    report = verify(path)
    running = set(NAMES[NAMES.index("warm-up") :])
    assert {check.name for check in report.checks if not check.ok} == running
    assert all("Could not find variable" in problem.message for problem in report.problems)
    with pytest.raises(ExportError, match=r"warm-up: record 1, .*find variable.*\d+ more"):
        report.require_ok()


def test_plain_models_pass(plain):
    assert problems(plain) == {}


def test_a_graph_that_breaks_a_rule_fails_though_it_runs(tmp_path):
    def lengths(text):
        return {"length_bytes": tf.strings.length(text)}

    assert problems(saved(tmp_path / "1", lengths=lengths)).keys() == {"signatures"}


def test_a_function_that_insists_on_xla_fails_in_graph_and_run(tmp_path):
    def doubled(text):
        double = tf.function(lambda counts: counts * 2, jit_compile=True)
        return {"doubled": double(tf.strings.length(text))}

    found = problems(saved(tmp_path / "1", doubled=doubled))
    assert "__inference" in found["compilation"][0]
    assert "XLA compilation disabled" in found["warm-up"][0]


def share(text):
    lengths = tf.cast(tf.strings.length(text), tf.float32)
    return {"share": lengths / (1.0 + tf.reduce_sum(lengths))}


def longest(text):
    return {"length": tf.fill(tf.shape(text), tf.reduce_max(tf.strings.length(text)))}


def swapped(text):
    return {"translation": tf.reverse(toy_models.readable(text), [0])}


@pytest.mark.parametrize("function", [share, longest, swapped])
def test_an_answer_that_depends_on_the_batch_is_caught(tmp_path, function):
    found = problems(saved(tmp_path / "1", dependent=function))
    assert found.keys() == {"batch independence"}
    assert found["batch independence"][0].startswith("dependent: text ")


def test_an_answer_that_changes_is_caught(tmp_path):
    found = problems(saved(tmp_path / "1", noisy=lambda text: {"noise": noise(text)}))
    assert found.keys() == {"repeatability", "batch independence", "expected answers"}
    assert "asked again, noise[0] is" in found["repeatability"][0]


def noise(text):
    return tf.random.uniform(tf.shape(text))


def test_a_text_that_makes_the_model_fail_is_named(tmp_path):
    def picky(text):
        decoded = toy_models.readable(text)
        broken = tf.strings.regex_full_match(decoded, "(?s).*\ufffd.*")
        with tf.control_dependencies([tf.debugging.Assert(~tf.reduce_any(broken), [text])]):
            return {"translation": tf.identity(decoded)}

    found = problems(saved(tmp_path / "1", picky=picky))
    assert found.keys() == {"any text", "batch independence"}
    assert r"picky: fails on text b'\xff\xfe broken" in found["any text"][0]


def test_a_model_that_hangs_is_reported_in_time(tmp_path):
    def stuck(text):
        blank = tf.reduce_any(text == "")
        (turns,) = tf.while_loop(lambda n: blank | (n < 2), lambda n: [(n + 1) % 3], [0])
        return {"translation": toy_models.readable(text), "turns": tf.fill(tf.shape(text), turns)}

    report = verify(saved(tmp_path / "1", stuck=stuck), timeout=2)
    assert [check.name for check in report.checks] == NAMES
    with pytest.raises(ExportError, match="no answer within 2 s"):
        report.require_ok()


def test_an_empty_batch_that_fails_is_caught(tmp_path):
    def one_at_least(text):
        with tf.control_dependencies([tf.debugging.assert_positive(tf.size(text))]):
            return {"translation": toy_models.readable(text)}

    found = problems(saved(tmp_path / "1", one_at_least=one_at_least))
    assert found.keys() == {"batch sizes"}
    assert "one_at_least: a batch of 0 rows fails" in found["batch sizes"][0]


def test_an_output_without_a_row_for_each_input_is_caught(tmp_path):
    def total(text):
        return {"total": tf.reduce_sum(tf.strings.length(text), keepdims=True)}

    found = problems(saved(tmp_path / "1", total=total))
    assert found.keys() >= {"signatures", "batch sizes"}
    assert "total has shape (1,)" in found["batch sizes"][0]


def test_answers_that_json_cannot_hold_are_caught(tmp_path):
    def logarithm(text):
        return {"score": tf.math.log(tf.cast(tf.strings.length(text), tf.float32))}

    def echo(text):
        return {"translation": tf.identity(text)}

    found = problems(saved(tmp_path / "1", logarithm=logarithm, echo=echo))
    assert found.keys() == {"any text"}
    (first, *_, last) = found["any text"]
    assert "echo: translation of text" in first and "is not UTF-8" in first
    assert "logarithm: score of text b'' is infinite" in last


def change_expected(path, change):
    written = json.loads((path / EXPECTED_FILE).read_text())
    change(written)
    (path / EXPECTED_FILE).write_text(json.dumps(written))


def scored(text):
    return {"score": tf.cast(tf.strings.length(text), tf.float32)}


def test_an_altered_score_is_caught_beyond_the_bound(tmp_path):
    path = saved(tmp_path / "1", scored=scored)

    def alter(by):
        def change(written):
            written["answers"][1]["outputs"]["score"]["values"][1] += by

        change_expected(path, change)

    alter(by=1e-5)
    assert problems(path) == {}
    alter(by=1e-2)
    (message,) = problems(path)["expected answers"]
    assert "answer 2, scored: score[1] is 22.0, not 22.01" in message
    change_expected(path, lambda written: written.update(float_tolerance=0.1))
    assert problems(path) == {}


def test_an_altered_translation_is_caught(plain, tmp_path):
    path = toy_models.copy(plain, tmp_path / "1")

    def alter(written):
        written["answers"][0]["outputs"]["translation"]["values"][2] += "."

    change_expected(path, alter)
    found = problems(path)
    assert found.keys() == {"expected answers"}
    (message,) = found["expected answers"]
    assert "answer 1, serving_default: translation[2] is b'THE CAT AND THE DOG SLEEP'" in message


def test_parameters_of_another_size_are_caught(tmp_path):
    path = saved(tmp_path / "1")
    change_expected(path, lambda written: written.update(parameter_bytes=9999))
    assert problems(path).keys() == {"weights"}


@pytest.mark.parametrize(
    "content, message",
    [
        (None, "expected.json is missing"),
        (b"{", "expected.json is damaged"),
        (b"[]", "expected.json is damaged"),
        (b"[" * 100_000, "expected.json is damaged"),
        (b'{"answers": [], "float_tolerance": 1e-4, "parameter_bytes": null}', "no answer for"),
    ],
)
def test_a_model_without_expected_answers_fails(plain, tmp_path, content, message):
    path = toy_models.copy(plain, tmp_path / "1")
    (path / EXPECTED_FILE).unlink()
    if content is not None:
        (path / EXPECTED_FILE).write_bytes(content)
    found = problems(path)
    assert found.keys() == {"expected answers"}
    assert message in found["expected answers"][0]


@pytest.mark.parametrize(
    "requests, message",
    [
        (None, "tf_serving_warmup_requests is missing"),
        ([WarmupRequest("absent", {"text": as_array(["a"], "string")})], "no signature 'absent'"),
        ([WarmupRequest("serving_default", {})], "serving_default takes text, not nothing"),
    ],
)
def test_a_warm_up_that_the_server_would_refuse_fails(plain, tmp_path, requests, message):
    path = toy_models.copy(plain, tmp_path / "1")
    (path / WARMUP_FILE).unlink()
    if requests is not None:
        write_warmup(path / WARMUP_FILE, "toy", requests)
    found = problems(path)
    assert found.keys() == {"warm-up"}
    assert message in found["warm-up"][0]


def test_a_signature_that_is_never_warmed_up_is_named(tmp_path):
    path = saved(tmp_path / "1", other=toy_models.capitals)
    request = WarmupRequest("serving_default", {"text": as_array(["a"], "string")})
    write_warmup(path / WARMUP_FILE, "toy", [request])
    unwarmed = "no request for other; its first call would be slow, give it one"
    assert problems(path) == {"warm-up": [unwarmed]}


def test_a_model_that_does_not_load_fails_and_the_rest_is_not_made(plain, tmp_path):
    path = toy_models.copy(plain, tmp_path / "1")
    for data in (path / "variables").glob("variables.data*"):
        data.write_bytes(b"")
    report = verify(path)
    made = [check for check in report.checks if not check.detail.startswith("not made")]
    assert [check.name for check in made] == NAMES[: NAMES.index("loading") + 1]
    assert not report.ok
    assert "loading" in {problem.check for problem in report.problems}


def test_ids_are_probed_with_what_the_warm_up_knows(tmp_path):
    specs = {"ids": TensorSpec("int32", (None, None))}
    signature = Signature("translate_ids", specs, {})
    with pytest.raises(ExportError, match="more than texts"):
        probe_batch(signature, [])
    rows = as_array([[1, 2], [3, 4]], "int32")
    assert probe_batch(signature, [{"ids": rows}])["ids"].tolist() == [[1, 2], [3, 4], [1, 2]]


def test_every_input_of_text_gets_every_hostile_text():
    spec = TensorSpec("string", (None,))
    signature = Signature("score", {"reference": spec, "text": spec}, {})
    batch = probe_batch(signature, [{"text": as_array(toy_models.LINES, "string")}])
    assert all(set(HOSTILE_TEXTS) < set(values.tolist()) for values in batch.values())
    assert not np.array_equal(batch["text"], batch["reference"])
