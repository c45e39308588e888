"""Step functions made of tables, in place of a network, and how the tests run a search on them."""

import functools
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from seq2seq.decoding.rules import Rules
from seq2seq.decoding.step import SearchInputs

PAD, BOS, EOS = 0, 1, 2
PLAIN = Rules(bos=BOS, eos=EOS, pad=PAD)
NEVER = -1e9  # the logit of a token that is never to be output
VOCABULARY = 7  # of the random tables; five of the tokens are real

# Their logarithms are multiples of log 2, exact in float32: among sums of these, ties are common.
HALVINGS = (
    (1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 16),
    (1 / 4, 1 / 4, 1 / 4, 1 / 8, 1 / 8),
    (1 / 2, 1 / 8, 1 / 8, 1 / 8, 1 / 8),
    (1 / 2, 1 / 4, 1 / 4, 0, 0),
)


@dataclass(frozen=True)
class Tables:
    """What a step answers for each sentence; B sentences, V vocabulary, S source positions.

    It knows previous tokens modulo M, so that a large vocabulary needs no large tables.
    """

    logits: np.ndarray  # (B, M, M, V): token before last, last token, next token
    attention: np.ndarray  # (B, M, S): sum of all previous tokens
    source_mask: np.ndarray  # (B, S)

    def take(self, sentences):
        """Some of the sentences, in the order given."""
        rows = list(sentences)
        return Tables(self.logits[rows], self.attention[rows], self.source_mask[rows])


@dataclass(frozen=True)
class Output:
    """One output of one sentence, as a search or a twin gives it."""

    ids: tuple
    score: float
    log_probability: float
    token_log_probabilities: np.ndarray  # (T,)
    weights: np.ndarray  # (T, S)


def table_step(previous_ids, state, context):
    """Looks the answer up; both tensors of the state differ between hypotheses."""
    before, total = state
    logits, attention = context
    modulus = attention.shape[1]
    last = previous_ids % modulus
    total = (total + last) % modulus
    rows = before[..., 0] * modulus + last
    return (
        tf.gather(logits, rows, batch_dims=1),
        [last[..., None], total],
        tf.gather(attention, total, batch_dims=1),
    )


def start_of(logits, attention, source_mask, limits):
    """Where a search with `table_step` starts."""
    batch, (_, modulus, _, vocabulary) = tf.shape(logits)[0], logits.shape
    return SearchInputs(
        state=[tf.zeros((batch, 1, 1), tf.int32), tf.zeros((batch, 1), tf.int32)],
        context=[tf.reshape(logits, (batch, modulus**2, vocabulary)), attention],
        max_lengths=limits,
        source_mask=source_mask,
    )


def hand_tables(distributions, vocabulary=5, attention=None, source_mask=None):
    """One sentence, from {last token: {next token: probability}}; attention (V, S)."""
    logits = np.full((1, vocabulary, vocabulary, vocabulary), NEVER, np.float32)
    logits[..., EOS] = 0  # after whatever is not named
    for last, row in distributions.items():
        logits[:, :, last, EOS] = NEVER
        logits[:, :, last, list(row)] = np.log(list(row.values()))
    attention = np.ones((vocabulary, 1)) if attention is None else np.array(attention)
    mask = np.ones(attention.shape[-1:], bool) if source_mask is None else np.array(source_mask)
    return Tables(logits, attention[None].astype(np.float32), mask[None])


def random_tables(seed, sentences, rules=PLAIN, quantised=False, never=NEVER, positions=3):
    """Dirichlet tables, or quantised ones: halvings, with attention to one position at a time.

    In most rows EOS is unlikely, so that outputs are of all lengths.
    """
    random = np.random.default_rng(seed)
    real = [token for token in range(VOCABULARY) if token not in (rules.pad, rules.bos)]
    logits = np.full((sentences, *[VOCABULARY] * 3), never, np.float32)
    for row in logits.reshape(-1, VOCABULARY):
        ends = random.random() < 0.15
        if quantised:
            row[real] = halved(random, real.index(rules.eos), ends, never)
        else:  # from 1/10,000 up, and not normalised
            row[real] = np.log(random.dirichlet(np.full(len(real), 0.7)) + 1e-4) + random.normal()
            row[rules.eos] -= 0 if ends else 4
    mask = np.arange(positions) < random.integers(1, positions + 1, (sentences, 1))
    scores = random.normal(size=(sentences, VOCABULARY, positions))
    scores = np.where(mask[:, None], scores * (1e4 if quantised else 2), -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return Tables(logits, weights.astype(np.float32), mask)


def large_tables(seed, sentences, vocabulary):
    """Two likely tokens and 32 equally likely others, EOS among them, anywhere in a vocabulary."""
    random = np.random.default_rng(seed)
    logits = np.full((sentences, 2, 2, vocabulary), NEVER, np.float32)
    for row in logits.reshape(-1, vocabulary):
        tokens = random.permutation(np.arange(EOS + 1, vocabulary))
        row[tokens[:2]], row[[EOS, *tokens[2:33]]] = np.log(1 / 4), np.log(1 / 64)
    attention = np.ones((sentences, 2, 1), np.float32)
    return Tables(logits, attention, np.ones((sentences, 1), bool))


def halved(random, eos, ends, never):
    """Logits of a shuffled halving in which EOS is possible, and least likely if not `ends`."""
    halving = HALVINGS[random.integers(len(HALVINGS))]
    least = min(share for share in halving if share)
    while True:
        shares = random.permutation(halving)
        if shares[eos] == least or (ends and shares[eos]):
            return np.log(shares, where=shares > 0, out=np.full(len(shares), never))


@functools.cache
def compiled(search, rules, modulus, vocabulary, positions, widths, options):
    """The search as one graph for any number of sentences, limits and outputs."""
    keywords = dict(options)

    @tf.function(
        input_signature=(
            tf.TensorSpec((None, modulus, modulus, vocabulary)),
            tf.TensorSpec((None, modulus, positions)),
            tf.TensorSpec((None, positions), tf.bool),
            tf.TensorSpec((None,), tf.int32),
            *[tf.TensorSpec((None, width, None), dtype) for width, dtype in widths],
        ),
        autograph=False,
    )
    def run(logits, attention, source_mask, limits, *arrays):
        start = start_of(logits, attention, source_mask, limits)
        return vars(search(table_step, start, rules, *arrays, **keywords))

    return run


def run(search, tables, limits, rules=PLAIN, *arrays, mode="eager", step=table_step, **options):
    """The arrays of a search's `Hypotheses` by name.

    `arrays` (B, K, T) and `options` are as the search takes them. Modes: "eager"; "graph" is
    compiled once and quicker for many searches; "static" is a graph that knows the batch's size.
    """
    arguments = [
        tf.constant(tables.logits),
        tf.constant(tables.attention),
        tf.constant(tables.source_mask, tf.bool),
        tf.constant(limits, tf.int32),
    ]
    arrays = [tf.constant(array) for array in arrays]

    def find():
        return vars(search(step, start_of(*arguments), rules, *arrays, **options))

    if mode == "graph":
        widths = tuple((array.shape[1], array.dtype.name) for array in arrays)
        shape = (*tables.logits.shape[2:], tables.attention.shape[-1])
        function = compiled(search, rules, *shape, widths, tuple(options.items()))
        found = function(*arguments, *arrays)
    else:
        found = find() if mode == "eager" else tf.function(find, autograph=False)()
    return {name: np.asarray(value) for name, value in found.items()}


def outputs(found, sentence):
    """The outputs that exist of a sentence."""
    return [
        Output(
            tuple(found["ids"][sentence, place, :length].tolist()),
            float(found["scores"][sentence, place]),
            float(found["log_probabilities"][sentence, place]),
            found["token_log_probabilities"][sentence, place, :length],
            found["weights"][sentence, place, :length],
        )
        for place, length in enumerate(found["lengths"][sentence])
        if length
    ]


def assert_same(found, expected):
    """Equal ids in equal order, and equal numbers."""
    assert [each.ids for each in found] == [each.ids for each in expected]
    for one, other in zip(found, expected, strict=True):
        for name in ("score", "log_probability", "token_log_probabilities", "weights"):
            np.testing.assert_allclose(
                getattr(one, name), getattr(other, name), rtol=1e-5, atol=1e-5, err_msg=name
            )
