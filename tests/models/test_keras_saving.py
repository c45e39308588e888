"""The network in Keras's own files: saved, copied, and read in another process."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from seq2seq.config.architecture import ModelConfig
from seq2seq.config.presets import PRESETS, expand_preset
from seq2seq.models.recurrent.plain_recurrence import PlainRecurrence, with_plain_loops
from seq2seq.models.translator import build_translator

VOCABULARY = 40
DEFAULT, ALL_TIED = {"units": 8, "embedding_size": 8}, {"tied_embeddings": "all"}
MODELS = {
    "default": DEFAULT,
    "all_tied": {**DEFAULT, **ALL_TIED, "encoder": "convolutional", "recurrent_dropout": 0.1},
    **{name: {"preset": name, "size": 0.01} for name in PRESETS},
}
READ = """
import sys
{imports}
import numpy as np
folder = sys.argv[1]
given = dict(np.load(f"{{folder}}/given.npz"))
for name in sys.argv[2:]:
    model = keras.saving.load_model(f"{{folder}}/{{name}}.keras")
    found = np.array(model([given["source"], given["target"]]))
    print(name, float(np.abs(found - given[name]).max()))
"""


def build(name):
    """The same weights every time: a norm of some that chance might give would magnify rounding."""
    translator = build_translator(ModelConfig(**expand_preset(MODELS[name], "test")), VOCABULARY)
    draw = np.random.default_rng(7)
    for weight in translator.training.weights:
        if "float" in weight.dtype:
            weight.assign(draw.normal(scale=0.3, size=weight.shape))
    return translator


@pytest.fixture(scope="module")
def ids():
    draw = np.random.default_rng(5)
    source, target = draw.integers(1, VOCABULARY, (2, 3, 6)).astype("int32")
    source[0, 4:] = target[1, 3:] = 0
    return source, target


@pytest.fixture(scope="module")
def saved(tmp_path_factory, ids):
    """A folder with every model as a .keras file, and what each gives."""
    folder = tmp_path_factory.mktemp("keras")
    given = {"source": ids[0], "target": ids[1]}
    for name in MODELS:
        training = build(name).training
        given[name] = np.array(training(list(ids)))
        training.save(folder / f"{name}.keras")
    np.savez(folder / "given.npz", **given)
    return folder


@pytest.mark.long
@pytest.mark.parametrize("imports", ["import seq2seq, keras", "import keras, seq2seq"])
def test_every_network_comes_back_in_another_process(saved, imports):
    script = READ.format(imports=imports)
    done = subprocess.run(
        [sys.executable, "-c", script, str(saved), *MODELS], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    far = dict(line.split() for line in done.stdout.splitlines())
    assert set(far) == set(MODELS)
    assert max(map(float, far.values())) <= 1e-6


@pytest.mark.parametrize("name", MODELS)
def test_a_copy_has_weights_of_its_own(name, ids):
    training = build(name).training
    copy = keras.models.clone_model(training)
    expected = np.array(training(list(ids)))
    assert np.abs(np.array(copy(list(ids))) - expected).max() > 1e-3  # weights of its own
    copy.set_weights(training.get_weights())
    np.testing.assert_allclose(np.array(copy(list(ids))), expected, atol=1e-6)
    for weight in training.weights:
        weight.assign(weight * 0)
    np.testing.assert_allclose(np.array(copy(list(ids))), expected, atol=1e-6)


@pytest.mark.parametrize("name", ["default", "bahdanau2015"])
def test_encoder_and_step_come_back_too(name, ids, tmp_path):
    translator = build(name)
    for part in ("encoder", "readout", "decoder_step"):
        model = getattr(translator, part)
        model.save(tmp_path / f"{part}.keras")
        again = keras.saving.load_model(tmp_path / f"{part}.keras")
        values = [
            np.ones([3] + [4 if size is None else size for size in each.shape[1:]], each.dtype)
            for each in model.inputs
        ]
        inputs = [tf.constant(each) for each in values]
        inputs = inputs if len(inputs) > 1 else inputs[0]
        pairs = zip(
            keras.tree.flatten(model(inputs)), keras.tree.flatten(again(inputs)), strict=True
        )
        for ours, theirs in pairs:
            np.testing.assert_allclose(np.array(ours), np.array(theirs), atol=1e-6)


def test_sharing_survives(saved, ids):
    """A table that input and output share is one table in a copy too."""
    again = keras.saving.load_model(saved / "all_tied.keras")
    paths = [weight.path for weight in again.trainable_weights]
    assert sum("embeddings" in path for path in paths) == 1
    assert not any("output/kernel" in path for path in paths)


def test_plain_loops_are_layers_like_others(ids, tmp_path):
    plain = with_plain_loops(build("default").encoder)
    plain.save(tmp_path / "plain.keras")
    again = keras.saving.load_model(tmp_path / "plain.keras")
    assert any(isinstance(layer, PlainRecurrence) for layer in again.layers)
    source = tf.constant(ids[0])
    np.testing.assert_allclose(np.array(again(source)[0]), np.array(plain(source)[0]), atol=1e-6)


def test_keras_draws_the_network_with_the_names_of_its_parts():
    """What `plot_model` hands to graphviz's `dot`, which need not be there."""
    drawn = keras.utils.model_to_dot(
        build("default").training, show_shapes=True, show_layer_names=True
    ).to_string()
    for name in ("source_ids", "encoder_0_forward", "decoder_0", "attention_keys", "output"):
        assert f"<b>{name}</b>" in drawn
    assert f"(None, None, {VOCABULARY})" in drawn
