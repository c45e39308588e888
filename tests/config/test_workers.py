"""Workers as the command line and TF_CONFIG name them."""

import json

import pytest

from seq2seq.config.workers import workers_of
from seq2seq.errors import ConfigError


def tf_config(cluster, job="worker", index=0):
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": job, "index": index}})}


def test_options_go_before_the_environment():
    found = workers_of("a:1,b:2", 1, 5.0, tf_config({"worker": ["c:3", "d:4"]}))
    assert (found.addresses, found.index, found.wait) == (("a:1", "b:2"), 1, 5.0)


@pytest.mark.parametrize(
    ("cluster", "job", "index", "expected"),
    [
        ({"worker": ["a:1", "b:2"]}, "worker", 1, 1),
        ({"chief": ["a:1"], "worker": ["b:2"]}, "chief", 0, 0),
        ({"worker": ["b:2"], "chief": ["a:1"]}, "worker", 0, 1),
        ({"chief": ["a:1"], "worker": ["b:2"], "evaluator": ["e:1"]}, "worker", 0, 1),
    ],
)
def test_tf_config_as_tensorflow_has_it(cluster, job, index, expected):
    found = workers_of(None, None, 1.0, tf_config(cluster, job, index))
    assert (found.addresses, found.index) == (("a:1", "b:2"), expected)


def test_an_index_may_be_text_and_a_port_the_highest():
    """As templates of clusters write it."""
    found = workers_of(None, None, 1.0, tf_config({"worker": ["a:1", "b:65535"]}, index="1"))
    assert (found.addresses, found.index) == (("a:1", "b:65535"), 1)


def test_a_task_without_type_or_index_is_the_first_worker():
    cluster = {"chief": ["a:1"], "worker": ["b:2", "c:3"]}
    for task, expected in (({}, 1), ({"index": 1}, 2), ({"type": "chief"}, 0)):
        environment = {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})}
        assert workers_of(None, None, 1.0, environment).index == expected


@pytest.mark.parametrize(
    "environment", [{}, {"TF_CONFIG": ""}, {"TF_CONFIG": "{}"}, tf_config({"worker": ["a:1"]})]
)
def test_one_process_trains_alone(environment):
    assert workers_of(None, None, 1.0, environment) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a:1,b:2", None, 1.0, {}), "--workers and --worker are given together"),
        ((None, 1, 1.0, {}), "--workers and --worker are given together"),
        (("a:1,b", 0, 1.0, {}), r"expected HOST:PORT \(got b\)"),
        (("a:1, b:2", 0, 1.0, {}), r"expected HOST:PORT \(got  b:2\)"),
        (("a:1,b:0", 0, 1.0, {}), r"expected HOST:PORT \(got b:0\)"),
        (("a:1,b:65536", 0, 1.0, {}), r"expected HOST:PORT \(got b:65536\)"),
        (("a:1,b:2", 0, float("nan"), {}), r"expected seconds above 0 \(got nan\)"),
        (("a:1,b:2", 0, float("inf"), {}), r"expected seconds above 0 \(got inf\)"),
        (("a:1,b:2", 0, 0.0, {}), r"expected seconds above 0 \(got 0.0\)"),
        (("a:1,a:1", 0, 1.0, {}), "a:1 is given twice"),
        (("a:1,b:2", 2, 1.0, {}), r"expected a number from 0 to 1.* \(got 2\)"),
        (("a:1,b:2", -1, 1.0, {}), r"expected a number from 0 to 1.* \(got -1\)"),
        ((None, None, 1.0, {"TF_CONFIG": "{worker"}), "TF_CONFIG: expected JSON"),
        ((None, None, 1.0, {"TF_CONFIG": "[1]"}), "TF_CONFIG: expected JSON"),
        (
            (None, None, 1.0, tf_config({"worker": ["a:1", "b:2"], "ps": ["c:3"]}, "ps")),
            "this process is ps 0, and only chief and worker train",
        ),
    ],
)
def test_what_names_no_workers_is_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        workers_of(*arguments)
