"""Keras's own `fit` on the library's network, loss and batches; and back into a run folder."""

import copy
import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import Silent, miniature_settings, write_corpus

import seq2seq
from seq2seq.config.loading import as_settings, dump_run_config
from seq2seq.data.subwords import PAD
from seq2seq.errors import ConfigError, RunError
from seq2seq.manifest import only_writer
from seq2seq.models.loss import MaskedCrossEntropy
from seq2seq.run_folder import RunFolder
from seq2seq.workflows.train import fit

TEXTS = ["Today she reads the book.", "The old dog sleeps."]


def optimizer(training):
    return keras.optimizers.Adam(
        training.learning_rate, beta_2=0.98, epsilon=1e-8, global_clipnorm=training.clip_norm
    )


@pytest.fixture(scope="module")
def one_epoch(tmp_path_factory):
    """Settings for an epoch at a constant rate: what both ways can do alike."""
    folder = write_corpus(tmp_path_factory.mktemp("corpus"), train=2500, others=60)
    return miniature_settings(
        folder,
        model={"embedding_size": 32, "units": 64, "dropout": 0.0},
        training={"epochs": 1, "learning_rate": 0.004, "schedule": "constant", "warmup_steps": 0},
        data={"batch_tokens": 640},
    )


@pytest.mark.long
def test_fit_reaches_the_perplexity_of_the_command(one_epoch, tmp_path):
    perplexities = []
    for seed in (1, 2, 3):
        config = replace(one_epoch, training=replace(one_epoch.training, seed=seed))
        folder = fit(config, tmp_path / str(seed), Silent())
        perplexities.append(float(folder.history()[-1]["validation_perplexity"]))
    translator = seq2seq.build(one_epoch)
    model = translator.network.training
    smoothing = one_epoch.training.label_smoothing
    model.compile(optimizer(one_epoch.training), loss=MaskedCrossEntropy(smoothing))
    batches = seq2seq.dataset(one_epoch, translator.subwords)
    model.fit(batches, epochs=1, verbose=0, shuffle=False)
    loss = tokens = 0.0
    for inputs, target in seq2seq.dataset(one_epoch, translator.subwords, "validation"):
        count = int(np.sum(np.array(target) != PAD))
        loss += count * float(MaskedCrossEntropy()(target, model(inputs)))
        tokens += count
    spread = max(perplexities) - min(perplexities)
    assert min(perplexities) - spread <= np.exp(loss / tokens) <= max(perplexities) + spread
    assert np.exp(loss / tokens) < 0.2 * translator.subwords.size  # control: it learnt something


def test_passes_have_the_same_length_and_go_on(one_epoch):
    batches = seq2seq.dataset(one_epoch)
    first, second = ([np.array(target).tolist() for _, target in batches] for _ in range(2))
    assert len(first) == len(second) == int(batches.cardinality())
    assert first != second
    again = [np.array(target).tolist() for _, target in seq2seq.dataset(one_epoch)]
    assert again == first


def test_a_split_that_is_not_there_is_named(one_epoch):
    data = replace(one_epoch.data, test_source=None, test_target=None)
    with pytest.raises(ValueError, match="no text of split 'test'"):
        seq2seq.dataset(replace(one_epoch, data=data), split="test")


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_that_of_the_command(smoothing):
    """Keras's own label smoothing, token by token, is the reference."""
    draw = np.random.default_rng(3)
    logits = draw.normal(size=(2, 3, 7)).astype("float32")
    ids = np.array([[4, 2, 0], [6, 0, 0]])
    found = float(MaskedCrossEntropy(smoothing)(tf.constant(ids), tf.constant(logits)))
    reference = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=smoothing, reduction=None
    )
    each = np.array(reference(np.eye(7)[ids], logits))
    assert found == pytest.approx(float(each[ids > 0].mean()), abs=1e-6)
    assert found != pytest.approx(float(each.mean()), abs=1e-3)  # control: padding would count
    weights = np.array([0.5, 3.0], np.float32)  # of the two sentences
    weighed = MaskedCrossEntropy(smoothing)(tf.constant(ids), tf.constant(logits), weights)
    assert float(weighed) == pytest.approx(float((each * weights[:, None])[ids > 0].mean()), 1e-5)
    again = keras.losses.deserialize(keras.losses.serialize(MaskedCrossEntropy(smoothing)))
    assert float(again(tf.constant(ids), tf.constant(logits))) == found


def weights_of(translator):
    return translator.network.training.get_weights()


def test_changed_weights_never_answer_from_old_ones(trained_run):
    translator, other = seq2seq.load(trained_run), seq2seq.load(trained_run)
    before, alike = translator.translate(TEXTS), copy.copy(translator)  # as `into` makes it
    scores = translator.score(TEXTS, before)
    assert before == other.translate(TEXTS) and all(before)
    output = translator.network.output
    output.bias.assign(output.bias + tf.one_hot(7, output.vocabulary_size) * 50)
    looked_at = seq2seq.inspect(translator, TEXTS[0])  # asked first
    changed = translator.translate(TEXTS)
    assert changed != before
    assert looked_at.translation == changed[0]
    assert looked_at.alternatives.written[0] == pytest.approx(
        np.exp(-looked_at.gradients.losses[0]), abs=1e-4
    )
    assert alike.translate(TEXTS) == changed
    output.bias.assign(output.bias + tf.one_hot(9, output.vocabulary_size) * 100)
    again = alike.translate(TEXTS)
    assert again == translator.translate(TEXTS) != changed
    output.bias.assign(output.bias - tf.one_hot(9, output.vocabulary_size) * 100)
    assert translator.score(TEXTS, before)[0].log_probability < scores[0].log_probability - 1
    fresh = [weight * 0 for weight in weights_of(translator)]
    translator.network.training.set_weights(fresh)
    assert translator.translate(TEXTS) != changed
    translator.network.training.set_weights(weights_of(other))
    assert translator.translate(TEXTS) == before


def test_saved_weights_are_those_of_the_run(trained_run, tmp_path):
    run = shutil.copytree(trained_run, tmp_path / "run")
    translator = seq2seq.load(run)
    output = translator.network.output
    output.bias.assign(output.bias + tf.one_hot(7, output.vocabulary_size) * 50)
    changed = translator.translate(TEXTS)
    translator.save(run)
    translator.save(tmp_path / "new")
    for path in (run, tmp_path / "new"):
        assert seq2seq.load(path).translate(TEXTS) == changed
        assert RunFolder.open(path).scores() == {}  # those of the old weights
    assert seq2seq.load(trained_run).translate(TEXTS) != changed


def test_another_run_or_folder_is_not_written_into(one_epoch, trained_run, tmp_path):
    translator = seq2seq.build(one_epoch)
    run = shutil.copytree(trained_run, tmp_path / "run")
    with pytest.raises(RunError, match="model.embedding_size: 64 -> 32; .*another vocabulary"):
        translator.save(run)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(RunError, match="is not a run folder and not empty"):
        translator.save(tmp_path / "full")
    before = RunFolder.open(run).manifest
    with only_writer(run), pytest.raises(RunError, match="is being trained by another process"):
        seq2seq.load(run).save(run)
    assert RunFolder.open(run).manifest == before
    assert seq2seq.load(run).translate(TEXTS) == seq2seq.load(trained_run).translate(TEXTS)


def test_settings_come_as_a_path_a_dictionary_or_made(one_epoch, tmp_path, stopped_at_once):
    path = tmp_path / "settings.yaml"
    path.write_text(dump_run_config(one_epoch))
    for number, config in enumerate((path, str(path), as_settings(one_epoch), one_epoch)):
        run = tmp_path / f"run{number}"
        with pytest.raises(stopped_at_once):
            seq2seq.train(config, run, ["training.epochs=3"], quiet=True)
        found = RunFolder.open(run).config()
        assert found.training.epochs == 3 and found.model == one_epoch.model
    with pytest.raises(ConfigError, match="settings: model.unit: Unexpected setting"):
        seq2seq.train({**as_settings(one_epoch), "model": {"unit": 3}}, tmp_path / "no")
