"""What is said of memory before anything is made is about what is needed then."""

import keras
import numpy as np
import pytest
from conftest import miniature_settings

from seq2seq.models.translator import build_translator
from seq2seq.translation.engine import Engine
from seq2seq.workflows.network_size import sizes_of, training_bytes, translation_bytes

VOCABULARY = 3000
NETWORKS = {
    "default": {},
    "deep": {"encoder_layers": 2, "decoder_layers": 2},
    "fed": {"input_feeding": True},
    "gru": {"cell": "gru"},
    "transformer": {"encoder": "transformer", "bridge": "dense"},
}


def settings(tmp_path, **model):
    return miniature_settings(tmp_path, model={"embedding_size": 64, "units": 64} | model)


def variables(thing, found):
    """All that an object holds, by their identity."""
    if isinstance(thing, keras.Variable):
        found[id(thing)] = thing
    elif isinstance(thing, dict):
        for each in thing.values():
            variables(each, found)
    elif isinstance(thing, list | tuple):
        for each in thing:
            variables(each, found)
    return found


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_and_tables_are_what_translating_holds(name, tmp_path):
    config = settings(tmp_path, **NETWORKS[name])
    translator = build_translator(config.model, VOCABULARY)
    engine = Engine(translator, pad_id=0, suppressed_ids=[0], precision="float32")
    said = translation_bytes(config, sizes_of(config, VOCABULARY))
    own = {id(weight) for weight in translator.training.weights}
    assert said["weights"] == sum(4 * np.prod(each.shape) for each in translator.training.weights)
    holders = [vars(engine.decoder), vars(engine.decoder.vocabulary)]
    holders += [vars(engine._encoder)] if engine._encoder else []
    held = variables(holders, {})
    tables = sum(4 * np.prod(each.shape) for key, each in held.items() if key not in own)
    assert said["tables"] == pytest.approx(tables, rel=0.2)


def test_what_attention_keeps_grows_with_the_sentence(tmp_path):
    additive = settings(tmp_path, attention="additive")
    sizes = sizes_of(additive, VOCABULARY)
    short, long = (training_bytes(additive, sizes, length) for length in (10, 100))
    assert long["activations"] - short["activations"] > 4 * 90 * 2 * 64 * additive.data.batch_tokens
    assert long["weights"] == short["weights"] and long["logits"] == short["logits"]
    without = settings(tmp_path, attention="none")
    plain = training_bytes(without, sizes_of(without, VOCABULARY), 100)
    assert plain["activations"] < short["activations"]


def test_wider_batches_and_averages_need_more(tmp_path):
    one = settings(tmp_path)
    sizes = sizes_of(one, VOCABULARY)
    more = miniature_settings(
        tmp_path,
        model={"embedding_size": 64, "units": 64},
        data={"batch_tokens": 2 * one.data.batch_tokens},
        training={"averaging": 0.99},
    )
    first, second = training_bytes(one, sizes), training_bytes(more, sizes)
    assert second["activations"] == 2 * first["activations"]
    assert second["logits"] == 2 * first["logits"]
    assert second["weights"] - first["weights"] == 4 * sizes.parameters
