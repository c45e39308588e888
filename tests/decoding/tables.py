"""Step functions made of tables, in place of a network, and plain Python twins of the searches."""

import itertools
import math

import numpy as np
import tensorflow as tf

from seq2seq.decoding.step import Tokens

PAD, BOS, EOS = 0, 1, 2
TOKENS = Tokens(bos=BOS, eos=EOS, never=(PAD, BOS))


def random_table(seed, sentences, vocabulary):
    """Log-probabilities (sentence, token before last, last token, next token)."""
    random = np.random.default_rng(seed)
    shape = (sentences, vocabulary, vocabulary)
    return np.log(random.dirichlet(np.full(vocabulary, 0.5), size=shape)).astype(np.float32)


def table_step(table):
    """A step function whose state is the token before last; it attends to position `last % 3`."""
    sentences, vocabulary = table.shape[0], table.shape[-1]
    values = tf.constant(table)

    def step(previous_ids, state):
        (before,) = state
        rows = tf.broadcast_to(tf.range(sentences)[:, None], tf.shape(previous_ids))
        log_probs = tf.gather_nd(values, tf.stack([rows, before, previous_ids], axis=-1))
        weights = tf.one_hot(previous_ids % 3, 3)
        return tf.ensure_shape(log_probs, (None, None, vocabulary)), [previous_ids], weights

    return step


def first_state(sentences):
    return [tf.zeros((sentences, 1), tf.int32)]


def penalty(length, alpha):
    return ((5 + length) / 6) ** alpha


def log_probability(table, sentence, ids):
    """Of an output under a table, summed a token at a time."""
    before, last, total = 0, BOS, 0.0
    for token in ids:
        total += float(table[sentence, before, last, token])
        before, last = last, token
    return total


def all_outputs(table, sentence, limit, alpha):
    """Every output up to a limit with its score, best first."""
    words = [token for token in range(table.shape[-1]) if token not in (PAD, BOS, EOS)]
    found = []
    for length in range(1, limit + 1):
        for start in itertools.product(words, repeat=length - 1):
            ids = [*start, EOS]
            found.append((log_probability(table, sentence, ids) / penalty(length, alpha), ids))
    return sorted(found, key=lambda each: -each[0])


def slow_beam(table, sentence, limit, beam_width, alpha):
    """Beam search with lists, written from its description and not from the library's code."""
    opened, finished = [((), 0.0)], []
    words = [token for token in range(table.shape[-1]) if token not in (PAD, BOS, EOS)]
    for length in range(1, limit + 1):
        continued = []
        for ids, _ in opened:
            total = log_probability(table, sentence, [*ids, EOS])
            finished.append((total / penalty(length, alpha), [*ids, EOS]))
            if length < limit:
                for word in words:
                    grown = (*ids, word)
                    continued.append((grown, log_probability(table, sentence, grown)))
        finished = sorted(finished, key=lambda each: -each[0])[:beam_width]
        opened = sorted(continued, key=lambda each: -each[1])[:beam_width]
        best_open = max((total for _, total in opened), default=-math.inf)
        if len(finished) == beam_width and best_open / penalty(limit, alpha) <= finished[-1][0]:
            break
    return finished
