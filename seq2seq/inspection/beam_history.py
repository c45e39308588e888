"""A beam search told whole: every hypothesis that it ever kept, and when and why each one fell.

The search itself is run, with a step function that writes down what it was asked and what it
answered. This needs loops that run in Python, as those of TensorFlow do outside a graph, and takes
one sentence.

Shape suffixes: K hypotheses, V vocabulary, T target positions, S source positions.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from keras import ops

from seq2seq.decoding.beam import beam_search
from seq2seq.decoding.forcing import force
from seq2seq.decoding.rules import Rules
from seq2seq.decoding.step import (
    SUPPRESSED_BELOW,
    Context,
    SearchInputs,
    State,
    StepFunction,
    Tensor,
)
from seq2seq.inspection.beam_tree import Asked, Ending, History, grow


class Recorder:
    """A `StepFunction` that answers as another does and keeps every question and answer.

    A tensor more in the state numbers the hypotheses, so that the next question tells from which
    of them each one came.
    """

    def __init__(self, step_function: StepFunction) -> None:
        self._step_function = step_function
        self.asked: list[Asked] = []

    @staticmethod
    def numbered(inputs: SearchInputs) -> SearchInputs:
        """The inputs of a recorded search."""
        return replace(inputs, state=[*inputs.state, ops.zeros((1, 1), dtype="int32")])

    def __call__(
        self, previous_ids: Tensor, state: State, context: Context
    ) -> tuple[Tensor, State, Tensor]:
        """See `StepFunction`."""
        *state, came_from = state
        logits, state, weights = self._step_function(previous_ids, state, context)
        numbers = _number(logits)
        self.asked.append(
            Asked(
                previous_ids=_number(previous_ids),
                parents=_number(came_from),
                log_probs=numbers - np.logaddexp.reduce(numbers, axis=-1, keepdims=True),
                choices=numbers > SUPPRESSED_BELOW,
                weights=_number(weights),
            )
        )
        slots = ops.arange(ops.shape(previous_ids)[1], dtype="int32")[None]
        return logits, [*state, slots], weights


class _Run(NamedTuple):
    asked: list[Asked]
    endings: list[Ending]  # best first


def beam_history(
    step_function: StepFunction,
    inputs: SearchInputs,
    rules: Rules,
    beam_width: int,
    n_best: int = 1,
) -> History:
    """What `beam_search` with the same arguments does, as a tree.

    The search is run twice: once as it is, to see after how many steps it stops; and once for a
    step more that keeps every output, to see its last hypotheses and all that ended.

    Raises:
        ValueError: not one sentence.
    """
    if inputs.max_lengths.shape[0] != 1:
        raise ValueError(f"a history is of one sentence, not of {inputs.max_lengths.shape[0]}")
    limit = int(inputs.max_lengths[0])
    steps = len(_run(step_function, inputs, rules, beam_width, n_best).asked)
    last = min(steps + 1, limit)
    longer = replace(inputs, max_lengths=ops.full((1,), last, dtype="int32"))
    everything = _run(step_function, longer, rules, beam_width, beam_width * last)
    endings = [ending for ending in everything.endings if len(ending.ids) <= steps]
    return grow(everything.asked[: steps + 1], endings, rules, (steps, limit, n_best))


def forced_log_probs(
    step_function: StepFunction, inputs: SearchInputs, rules: Rules, target_ids: list[int]
) -> np.ndarray:
    """Log-probabilities (T, V) of every token at each position of a given output, EOS at its end.

    Raises:
        ValueError: the output is empty.
    """
    if not target_ids:
        raise ValueError("an output has EOS at least")
    recorder = Recorder(step_function)
    force(
        recorder, Recorder.numbered(inputs), rules, ops.convert_to_tensor([[target_ids]], "int32")
    )
    return np.stack([each.log_probs[0] for each in recorder.asked])


def _run(
    step_function: StepFunction, inputs: SearchInputs, rules: Rules, beam_width: int, n_best: int
) -> _Run:
    recorder = Recorder(step_function)
    found = beam_search(recorder, Recorder.numbered(inputs), rules, beam_width, n_best)
    ids, lengths, scores, token_log_probs, weights = (
        _number(each)
        for each in (
            found.ids,
            found.lengths,
            found.scores,
            found.token_log_probabilities,
            found.weights,
        )
    )
    endings = [
        Ending(
            ids=tuple(ids[place, :length].tolist()),
            score=float(scores[place]),
            token_log_probabilities=token_log_probs[place, :length],
            weights=weights[place, :length],
        )
        for place, length in enumerate(lengths)
        if length
    ]
    return _Run(recorder.asked, endings)


def _number(tensor: Tensor) -> np.ndarray:
    """The only sentence's part."""
    return np.asarray(ops.convert_to_numpy(tensor))[0]
