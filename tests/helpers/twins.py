"""The searches in plain lists, written from their description and not from the library's code.

Slow, one sentence at a time, and without early stopping. A keyword such as `order` exists for
controls: a twin that is wrong on purpose shows that the tables would tell.
"""

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np
from tables import NEVER, Output

CLOSE = 1e-5  # scores nearer than this, and not equal, may come in either order in float32


@dataclass(frozen=True)
class Prefix:
    """The output so far, and what the step carries for it."""

    ids: tuple = ()
    log_probabilities: tuple = ()
    weights: tuple = ()
    state: tuple = (0, 0)  # token before last and sum of the tokens, modulo M
    total: np.float32 = np.float32(0)  # summed in the precision in which ties are ties


class Sentence:
    """One sentence of some tables under some rules."""

    def __init__(self, tables, number, limit, rules):
        self.limit, self.rules = int(limit), rules
        self.logits, self.attention = tables.logits[number], tables.attention[number]
        self.source_mask = tables.source_mask[number]
        shifted = np.exp(self.logits.astype(float) - self.logits.max(axis=-1, keepdims=True))
        with np.errstate(divide="ignore"):
            self.log_probs = np.log(shifted / shifted.sum(axis=-1, keepdims=True))
        self.log_probs = self.log_probs.astype(np.float32)

    def last(self, prefix):
        """The last token, modulo M."""
        return (prefix.ids[-1] if prefix.ids else self.rules.bos) % len(self.logits)

    def extend(self, prefix, token):
        """The prefix with one token more."""
        before, total = prefix.state
        last = self.last(prefix)
        total = (total + last) % len(self.logits)
        log_prob = self.log_probs[before, last, token]
        return Prefix(
            (*prefix.ids, token),
            (*prefix.log_probabilities, log_prob),
            (*prefix.weights, self.attention[total]),
            (last, total),
            prefix.total + log_prob,
        )

    def allowed(self, prefix):
        """The tokens that may follow."""
        step = len(prefix.ids) + 1
        if step == self.limit:
            return [self.rules.eos]
        row = self.logits[prefix.state[0], self.last(prefix)]
        possible = np.flatnonzero(row > NEVER / 2).tolist()
        return [token for token in possible if self.may_follow(prefix.ids, token)]

    def may_follow(self, ids, token):
        if token == self.rules.eos:
            return len(ids) + 1 >= self.rules.shortest
        size, grown = self.rules.blocked_ngram, (*ids, token)
        grams = [grown[start : start + size] for start in range(len(grown) - size + 1)]
        return not size or len(set(grams)) == len(grams)

    def finish(self, prefix):
        """A prefix that ends in EOS as an output."""
        weights = np.array(prefix.weights)
        seen = np.clip(weights.astype(float).sum(axis=0), 1e-6, 1)[self.source_mask]
        score = float(prefix.total) / ((5 + len(prefix.ids)) / 6) ** self.rules.length_penalty
        score += self.rules.coverage_penalty * np.log(seen).sum()
        return Output(
            prefix.ids, score, float(prefix.total), np.array(prefix.log_probabilities), weights
        )


def score_of(sentence, ids):
    """The output of given ids."""
    prefix = Prefix()
    for token in ids:
        prefix = sentence.extend(prefix, token)
    return sentence.finish(prefix)


def all_outputs(sentence):
    """Every output that the rules allow, best first."""
    found, opened = [], [Prefix()]
    while opened:
        grown = [
            sentence.extend(prefix, token)
            for prefix in opened
            for token in sentence.allowed(prefix)
        ]
        found += [sentence.finish(each) for each in grown if each.ids[-1] == sentence.rules.eos]
        opened = [each for each in grown if each.ids[-1] != sentence.rules.eos]
    return sorted(found, key=lambda output: -output.score)


def lower_first(total, slot, token):
    return (-total, slot, token)


def earlier_first(score, step, slot):
    return (-score, step, slot)


def beam(
    sentence,
    beam_width,
    n_best=1,
    order=lower_first,
    finish_order=earlier_first,
    regroup=True,
    stop_at_first=False,
):
    """The outputs, best first, and whether some choice was too close to be certain of."""
    opened, finished, close = [Prefix()], [], False
    for step in range(1, sentence.limit + 1):
        continued, states = [], {}
        for slot, prefix in enumerate(opened):
            for token in sentence.allowed(prefix):
                grown = sentence.extend(prefix, token)
                states[slot] = grown.state
                if token == sentence.rules.eos:
                    output = sentence.finish(grown)
                    finished.append((finish_order(output.score, step, slot), output))
                else:
                    continued.append((order(grown.total, slot, token), grown))
        continued.sort(key=lambda each: each[0])
        opened = [grown for _, grown in continued[:beam_width]]
        close |= too_close([grown.total for _, grown in continued[beam_width - 1 : beam_width + 1]])
        if not regroup:  # the states stay in the places of the hypotheses they came from
            opened = [
                replace(grown, state=states.get(slot, grown.state))
                for slot, grown in enumerate(opened)
            ]
        if stop_at_first and len(finished) >= n_best:
            break
    best = [output for _, output in sorted(finished, key=lambda each: each[0])]
    close |= too_close([output.score for output in best[: n_best + 1]])
    return best[:n_best], close


def too_close(numbers):
    return any(0 < abs(one - other) < CLOSE for one, other in itertools.pairwise(numbers))


def greedy(sentence):
    """The likeliest allowed token at every step."""
    prefix = Prefix()
    while not prefix.ids or prefix.ids[-1] != sentence.rules.eos:
        grown = [sentence.extend(prefix, token) for token in sentence.allowed(prefix)]
        prefix = max(grown, key=lambda each: (each.log_probabilities[-1], -each.ids[-1]))
    return sentence.finish(prefix)


def distribution(sentence, prefix, temperature=1.0, top_k=0, top_p=1.0):
    """[(token, probability)] from which a sample's next token is drawn.

    In the order of ids, or the likeliest first, if they alone are drawn from.
    """
    logs = {
        token: float(sentence.extend(prefix, token).log_probabilities[-1])
        for token in sentence.allowed(prefix)
    }
    ranked = sorted(logs, key=lambda token: (-logs[token], token))[: top_k or None]
    if not top_k and top_p == 1:
        ranked = sorted(logs)
    powers = [math.exp(logs[token] / temperature) for token in ranked]
    powers = [power / sum(powers) for power in powers]
    before = [0, *itertools.accumulate(powers)]
    kept = [power for power, less in zip(powers, before, strict=False) if less < top_p]
    return [(token, power / sum(kept)) for token, power in zip(ranked, kept, strict=False)]


def sample(sentence, uniforms, **options):
    """The output that a row of uniform numbers picks, and whether some pick was too close."""
    prefix, close = Prefix(), False
    for uniform in uniforms:
        choices = distribution(sentence, prefix, **options)
        ends = list(itertools.accumulate(probability for _, probability in choices))
        close |= any(abs(end - uniform) < CLOSE for end in ends[:-1])
        place = sum(end <= uniform for end in ends[:-1])
        prefix = sentence.extend(prefix, choices[place][0])
        if prefix.ids[-1] == sentence.rules.eos:
            return sentence.finish(prefix), close
    raise ValueError("fewer uniform numbers than the limit")
