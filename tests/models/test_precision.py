"""A network in bfloat16 multiplies every matrix of weights in it, and stays near float32."""

import re

import h5py
import numpy as np
import pytest
import tensorflow as tf

from seq2seq.config.architecture import ModelConfig
from seq2seq.config.presets import PRESETS
from seq2seq.models.translator import build_translator
from seq2seq.training.train_step import seeded

VOCABULARY, PAD = 40, 0
SMALL = {"embedding_size": 6, "units": 8, "heads": 2, "encoder_heads": 2, "feed_forward": 12}


def shallow(preset):
    """A published network of a few units and at most three layers, which have all that it is of."""
    depths = ("encoder_layers", "decoder_layers")
    return {**preset, **SMALL, **{each: min(preset.get(each, 1), 3) for each in depths}}


CONVOLUTIONAL = {"encoder": "convolutional", "bridge": "dense"}
TRANSFORMER = {"encoder": "transformer", "encoder_layers": 2, "bridge": "dense"}
NETWORKS = {
    **{name: shallow(preset) for name, preset in PRESETS.items()},
    "convolutional": {**SMALL, **CONVOLUTIONAL},
    "transformer": {**SMALL, **TRANSFORMER, "cell": "lstm"},
}
# BatchMatMul multiplies what two layers found, Tensordot what attention compares by a vector: its
# scores, which are in float32.
WEIGHT_PRODUCTS = ("MatMul", "Conv2D")
SCORE = "Tensordot"
IDS = tf.TensorSpec((None, None), tf.int32)


def flat(tensors):
    """All their numbers in a row."""
    return np.concatenate([np.ravel(tf.convert_to_tensor(each)) for each in tensors])


def translator(settings, precision):
    return build_translator(
        ModelConfig(**settings), VOCABULARY, pad_id=PAD, precision=precision
    ).training


def types_of_products(settings, precision):
    """Of what a training's forward pass multiplies by weights."""
    network = translator(settings, precision)
    traced = tf.function(
        lambda source, target: network([source, target], training=True),
        input_signature=[IDS, IDS],
        autograph=False,
    ).get_concrete_function()
    graph = traced.graph.as_graph_def()
    nodes = [*graph.node, *(node for each in graph.library.function for node in each.node_def)]
    return [
        (node.name, tf.dtypes.as_dtype(node.attr["T"].type))
        for node in nodes
        if node.op in WEIGHT_PRODUCTS and SCORE not in node.name
    ]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_product_with_weights_is_in_the_precision(name):
    found = types_of_products(NETWORKS[name], "bfloat16")
    assert found
    assert [name for name, kind in found if kind != tf.bfloat16] == []


@pytest.mark.parametrize("name", ["convolutional", "transformer"])
def test_outputs_and_gradients_stay_near_float32(name):
    ids = np.random.default_rng(1).integers(1, VOCABULARY, (2, 4, 5))
    with seeded(1):
        exact, narrow = (translator(NETWORKS[name], each) for each in ("float32", "bfloat16"))
    narrow.set_weights(exact.get_weights())

    def logits_and_gradients(network):
        with tf.GradientTape() as tape:
            logits = network(list(ids))
            loss = tf.reduce_sum(tf.nn.log_softmax(logits)[..., 1])
        return logits, *tape.gradient(loss, network.trainable_weights)

    (logits, *gradients), (rounded, *others) = map(logits_and_gradients, (exact, narrow))
    assert 0 < np.abs(logits - rounded).max() <= 0.02 * np.abs(logits).max()  # it rounds, no more
    assert all(each.dtype == tf.float32 for each in others)
    one, other = (flat(each) for each in (gradients, others))
    assert np.linalg.norm(other - one) <= 0.03 * np.linalg.norm(one)


LISTED = re.compile(
    "/(denses|inner|outer|transforms|gates|attentions|filters)/([a-z0-9_]+?)(_[0-9]+)?/"
)
KERAS_NAMES = {"attentions": "multi_head_attention", "filters": "conv1d"}  # the others' is dense


@pytest.mark.parametrize("name", ["convolutional", "transformer"])
def test_files_name_its_layers_as_keras_does(name, tmp_path):
    """So files open that were saved when they were Keras's own, without a precision."""
    saved = tmp_path / "saved.weights.h5"
    translator(NETWORKS[name], "bfloat16").save_weights(saved)
    names = []
    with h5py.File(saved) as stored:
        stored.visit(names.append)
    found = {match[1]: match[2] for match in map(LISTED.search, names) if match}
    assert len(found) == 4
    assert found == {each: KERAS_NAMES.get(each, "dense") for each in found}


def test_products_are_in_float32_unless_told():
    """The control: they are seen where they are."""
    kinds = {kind for _, kind in types_of_products(NETWORKS["transformer"], "float32")}
    assert kinds == {tf.float32}
