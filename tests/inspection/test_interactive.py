"""What a page is told of one sentence."""

import json

import pytest

from seq2seq.errors import DataError
from seq2seq.inspection.interactive import RUNNERS_UP, UNITS, SentenceInspector
from seq2seq.translation.loading import load_run

TEXT = "Today the old woman reads the book."


@pytest.fixture(scope="module")
def inspector(trained_run):
    return SentenceInspector(load_run(trained_run, lambda _: {"n_best": 3, "beam_width": 3}))


@pytest.fixture(scope="module")
def best(inspector):
    return inspector.continued(TEXT, [])["outputs"][0]


def test_what_is_told_can_be_written_as_json(inspector, best):
    found = inspector.details(TEXT, best["tokens"][:-1])
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert len(found["runners_up"]) == len(best["tokens"])
    for token, others in zip(best["tokens"], found["runners_up"], strict=True):
        assert len(others) == RUNNERS_UP
        shares = [each["probability"] for each in others]
        assert shares == sorted(shares, reverse=True) and sum(shares) <= 1.001
        assert token in [each["token"] for each in others]
    for layer in found["layers"]:
        steps = len(best["tokens"]) if "decoder" in layer["name"] else None
        assert len(layer["values"]) == UNITS
        if steps:
            assert {len(row) for row in layer["values"]} == {steps} == {len(found["read"])}
        for gate in layer["gates"].values():
            assert all(0 <= each <= 1 for each in gate)


def test_a_runner_up_leads_to_outputs_that_begin_with_it(inspector, best):
    others = inspector.details(TEXT, best["tokens"][:-1])["runners_up"][1]
    other = next(
        each["token"] for each in others if each["token"] not in (best["tokens"][1], "</s>")
    )
    forced = [best["tokens"][0], other]
    found = inspector.continued(TEXT, forced)
    assert all(each["tokens"][:2] == forced for each in found["outputs"])
    tree = inspector.tree(TEXT, forced)
    assert [node["parent"] for node in tree["nodes"][:3]] == [None, 0, 1]
    assert [node["token"] for node in tree["nodes"][1:3]] == forced
    assert tree["nodes"][3]["parent"] == 2 and tree["outputs"]
    # Control: the free search keeps several first tokens.
    free = inspector.tree(TEXT, [])
    assert sum(node["parent"] == 0 for node in free["nodes"]) > 1


def test_what_is_no_sentence_or_no_subword_is_refused(inspector):
    for text, tokens, reason in (
        ("", [], "0 subwords"),
        ("dog " * 3000, [], "subwords; give one of 1 to"),
        (TEXT, ["nonsense"], "no subword"),
        (TEXT, ["</s>"], "no subword that this run writes"),
        (TEXT, ["<0x0A>"], "no subword that this run writes"),
        (TEXT, ["."] * 400, "400 subwords; an output of this text has [0-9]+ at most"),
    ):
        for ask in (inspector.continued, inspector.details, inspector.tree):
            with pytest.raises(DataError, match=reason):
                ask(text, tokens)


def test_an_output_that_reached_its_limit_has_details(trained_run, best):
    """It has one subword more than an output may begin with: none of them ends it."""
    loaded = load_run(trained_run, lambda _: {"longest_factor": 0.001, "longest_extra": 3})
    short = SentenceInspector(loaded)
    assert len(short.details(TEXT, best["tokens"][:3])["runners_up"]) == 4
    with pytest.raises(DataError, match="4 subwords; an output of this text has 3 at most"):
        short.details(TEXT, best["tokens"][:4])
