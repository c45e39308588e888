"""What `seq2seq show` leaves in its folder, and what it refuses."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from conftest import miniature_settings
from loaded import loaded
from matplotlib.figure import Figure

import seq2seq
from seq2seq.errors import DataError, RunError
from seq2seq.inspection.beam_tree import Fate
from seq2seq.inspection.sentence import CANDIDATES
from seq2seq.inspection.sentence_figures import gradient_curves, memory_figure, sentence_figures
from seq2seq.training.corpus import learn_subwords
from seq2seq.translation.search import network
from seq2seq.translation.text_translator import Parts, TextTranslator
from seq2seq.workflows import show as show_module
from seq2seq.workflows.show import show, show_training

SENTENCE = "Today she reads the book."
LAYERS = {"encoder_0_forward", "encoder_0_backward", "decoder_0"}


@pytest.fixture(scope="module")
def translator(trained_run):
    return loaded(trained_run)


@pytest.fixture(scope="module")
def inspection(translator):
    return seq2seq.inspect(translator, SENTENCE)


@pytest.fixture(scope="module")
def shown(trained_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shown") / "new" / "folder"
    return folder, *show(trained_run, SENTENCE, folder)


def test_the_translation_is_the_translators_own(translator, inspection, shown):
    assert inspection.translation == translator.translate([SENTENCE])[0] == shown[1]


def test_every_array_has_a_row_for_each_subword(inspection):
    arrays = inspection.arrays()
    read, written = len(inspection.source_subwords), len(inspection.target_subwords)
    assert arrays["attention"].shape == (written, read)
    np.testing.assert_allclose(arrays["attention"].sum(axis=1), 1, atol=1e-4)
    for layer in LAYERS:
        steps = written if layer.startswith("decoder") else read
        for name in ("input", "forget", "output", "candidate", "cell", "hidden"):
            assert len(arrays[f"{layer}.{name}"]) == steps
        assert arrays[f"gradients.{layer}.cell"].shape[1] == steps
    assert arrays["alternatives.ids"].shape == (written, CANDIDATES)
    assert arrays["beam.attention"].shape[2] == read
    assert set(arrays["beam.fates"]) <= set(Fate.__args__)


def test_the_winner_and_its_probabilities_stand_in_the_arrays(inspection):
    arrays = inspection.arrays()
    best = arrays["beam.outputs"][0]
    assert inspection.outlines[best] == inspection.translation
    np.testing.assert_allclose(
        arrays["beam.log_probabilities"][best],
        np.log(arrays["alternatives.written"]).sum(),
        atol=1e-3,
    )
    assert arrays["beam.log_probabilities"][best] < 0  # control: it is not sure of everything


def test_a_given_target_is_inspected_in_place_of_the_translation(translator, inspection):
    other = seq2seq.inspect(translator, SENTENCE, "Der Hund liest.")
    assert other.translation == "Der Hund liest."
    assert other.trace.attention.shape[0] == len(other.target_subwords)
    assert other.alternatives.written.prod() < inspection.alternatives.written.prod()


def test_the_folder_holds_page_pictures_and_arrays(shown, inspection):
    folder, _, files = shown
    assert sorted(files) == sorted(folder.iterdir())
    html = (folder / "index.html").read_text(encoding="utf-8")
    for path in files[1:]:
        assert path.name in html
    pictures = {path.stem for path in files if path.suffix == ".png"}
    assert {f"memory_{layer}" for layer in LAYERS} < pictures
    assert {"attention", "source_gradients", "gates_decoder", "gradient_flow_encoder"} < pictures
    with np.load(folder / "arrays.npz") as stored:
        arrays = inspection.arrays()
        assert set(stored.files) == set(arrays)
        np.testing.assert_array_equal(stored["decoder_0.cell"], arrays["decoder_0.cell"])
        assert stored["source_subwords"].tolist() == inspection.source_subwords


def test_pictures_come_as_svg_too(trained_run, tmp_path, monkeypatch):
    monkeypatch.setattr(show_module, "load_translator", loaded)
    _, files = show(trained_run, "The dog sleeps.", tmp_path, "svg")
    pictures = [path for path in files if path.suffix not in (".html", ".npz")]
    assert pictures and all(b"<svg" in path.read_bytes() for path in pictures)


def test_a_layers_memory_is_drawn_over_what_it_read(inspection):
    figure = memory_figure(inspection, "decoder_0", [3, 5])
    labels = [each.get_text() for each in figure.axes[4].get_xticklabels()]
    assert labels == ["<s>", *inspection.target_subwords[:-1]]
    np.testing.assert_allclose(
        figure.axes[0].images[0].get_array(),
        inspection.trace.layers["decoder_0"].cell[:, [3, 5]].T,
    )
    backward = memory_figure(inspection, "encoder_0_backward")
    assert "right to left" in backward.get_suptitle()
    captions = {each.name: each.caption for each in sentence_figures(inspection)}
    assert "and the gates that made it" in captions["memory_decoder_0"]
    with pytest.raises(ValueError, match="decoder_0"):
        memory_figure(inspection, "decoder_1")


def test_gradients_are_counted_back_from_where_each_layer_ended(inspection):
    curves = gradient_curves(inspection, "encoder")
    norms = inspection.gradients.cell
    forward, backward = (norms[f"encoder_0_{name}"] for name in ("forward", "backward"))
    np.testing.assert_allclose(curves["encoder_0_forward"][0], forward[:, -1].mean())
    np.testing.assert_allclose(curves["encoder_0_backward"][0], backward[:, 0].mean())
    assert not np.isclose(backward[:, 0].mean(), backward[:, -1].mean())  # control


def test_in_the_decoder_every_loss_weighs_the_same_however_large_it_is(inspection):
    (curve,) = gradient_curves(inspection, "decoder").values()
    norms = inspection.gradients.cell["decoder_0"]
    last = len(norms) - 1
    assert curve[0] == pytest.approx(1) and not np.isclose(norms[0, 0], 1)  # control
    assert curve[last] == pytest.approx(norms[last, 0] / norms[last, last])  # one reaches so far
    first = dict(inspection.gradients.cell, decoder_0=norms * np.array([1e3] + [1] * last)[:, None])
    uncertain = replace(inspection, gradients=replace(inspection.gradients, cell=first))
    np.testing.assert_allclose(gradient_curves(uncertain, "decoder")["decoder_0"], curve, rtol=1e-5)
    labels = {
        each.name: each.figure.axes[0].get_ylabel()
        for each in sentence_figures(inspection)
        if each.name.startswith("gradient_flow")
    }
    assert labels["gradient_flow_encoder"] == "gradient norm"
    assert labels["gradient_flow_decoder"] == "share of the gradient at the loss's own step"


def test_a_network_without_attention_or_gates_is_shown_without_them(small_corpus):
    config = miniature_settings(
        small_corpus,
        model={"attention": "none", "cell": "simple_rnn"},
        decoding={"beam_width": 2, "coverage_penalty": 0.5},
    )
    subwords = learn_subwords(config)
    untrained = Parts(subwords, [network(config, subwords.size)])
    translator = TextTranslator(untrained, config.decoding)
    assert translator.decoding.coverage_penalty == 0  # it would be the same for all outputs
    found = seq2seq.inspect(translator, SENTENCE)
    captions = {each.name: each.caption for each in sentence_figures(found)}
    assert captions.keys() >= {"source_gradients", "memory_decoder_0", "gradient_flow_decoder"}
    assert not captions.keys() & {"attention", "gates_encoder", "gates_decoder"}
    assert "gates" not in captions["memory_decoder_0"]
    assert "decoder_0.cell" not in found.arrays()


def test_blank_and_overlong_sentences_are_refused(translator, trained_run, tmp_path):
    with pytest.raises(DataError, match="blank"):
        show(trained_run, " \u2028 ", tmp_path / "none")
    with pytest.raises(DataError, match="longest_source"):
        seq2seq.inspect(translator, "the book " * 200)
    assert not (tmp_path / "none").exists()


def test_trainings_are_drawn_beside_each_other(trained_run, tmp_path, monkeypatch):
    other = tmp_path / "other"
    shutil.copytree(trained_run, other)
    drawn = []
    monkeypatch.setattr(show_module, "draw_training", lambda runs: drawn.append(runs) or Figure())
    path = show_training([trained_run, other], tmp_path / "pictures")
    assert path.read_bytes().startswith(b"\x89PNG")
    (runs,) = drawn
    assert list(runs) == ["run", "other"]
    assert [len(rows) for rows in runs.values()] == [3, 3]
    with pytest.raises(RunError, match="called run too"):
        show_training([trained_run, trained_run], tmp_path)
    (other / "history.csv").unlink()
    with pytest.raises(RunError, match="no history yet"):
        show_training([other], tmp_path)


def test_an_output_that_is_a_file_is_named_and_left_alone(trained_run, tmp_path):
    taken = tmp_path / "taken"
    taken.write_text("mine")
    with pytest.raises(DataError, match="taken cannot be a folder"):
        show_training([trained_run], taken)
    assert taken.read_text() == "mine"
