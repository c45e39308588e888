"""A batch that stays whole, as in exported models, gives the outputs of one that shrinks."""

from dataclasses import replace

import pytest
from tables import PLAIN, assert_same, outputs, random_tables, run, table_step

from seq2seq.decoding.beam import beam_search
from seq2seq.decoding.greedy import greedy_search

LIMITS = [2, 9, 3, 12] * 6
RULES = replace(PLAIN, coverage_penalty=0.3, shortest=2, blocked_ngram=2)


def whole(search):
    def with_whole_batch(step_function, start, *arguments, **options):
        return search(step_function, replace(start, compacting=False), *arguments, **options)

    return with_whole_batch


def sizes(search):
    """How many sentences each step sees."""
    seen = []

    def step(previous_ids, state, context):
        seen.append(len(previous_ids))
        return table_step(previous_ids, state, context)

    run(search, random_tables(1, len(LIMITS), RULES), LIMITS, RULES, step=step, beam_width=3)
    return seen


@pytest.mark.parametrize("mode", ["eager", "graph"])
@pytest.mark.parametrize("rules", [PLAIN, RULES])
@pytest.mark.parametrize(
    "search, options", [(beam_search, {"beam_width": 3, "n_best": 2}), (greedy_search, {})]
)
def test_a_whole_batch_gives_what_a_shrinking_one_gives(search, options, rules, mode):
    tables = random_tables(1, len(LIMITS), rules)
    compacting = run(search, tables, LIMITS, rules, mode=mode, **options)
    found = run(whole(search), tables, LIMITS, rules, mode=mode, **options)
    for sentence in range(len(LIMITS)):
        assert_same(outputs(found, sentence), outputs(compacting, sentence))


def test_a_whole_batch_stays_whole():
    assert set(sizes(whole(beam_search))) == {len(LIMITS)}
    assert min(sizes(beam_search)) < len(LIMITS)  # the control
