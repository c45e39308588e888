"""Several target languages in one run: a tag before each source says which is wanted."""

import contextlib
import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from conftest import Silent, miniature_settings

from seq2seq.cli.main import main
from seq2seq.config.languages import Languages, LanguageTags
from seq2seq.config.loading import as_settings, check_settings
from seq2seq.data.graph_subwords import GraphSubwords
from seq2seq.data.subwords import EOS
from seq2seq.errors import ConfigError
from seq2seq.run_folder import RunFolder
from seq2seq.serving.saved_model.translator_graph import TranslatorGraph, Vocabulary
from seq2seq.training.corpus import check_files, learn_subwords
from seq2seq.training.encoded_corpus import encode_corpus
from seq2seq.training.epochs import Epochs
from seq2seq.training.validation import Validator
from seq2seq.translation.loading import load_translator
from seq2seq.translation.serving_graph import _source_tags, cutting_places
from seq2seq.workflows.augment import AugmentJob, Text, augment
from seq2seq.workflows.evaluate import evaluate_with
from seq2seq.workflows.score import score_with
from seq2seq.workflows.train import train

LONGEST = 24  # subwords of a chunk
LINES = ["The old dog sleeps.", "", "<2nl> A cat."]


def settings(folder, **sections):
    """Of English into German and into Dutch, which is German in capitals."""
    values = as_settings(miniature_settings(folder, **sections))
    values["data"] |= {
        "train_source": None,
        "train_target": None,
        "train": [
            {"source": str(folder / "train.en"), "target": str(folder / f"train.{language}")}
            for language in ("de", "nl")
        ],
        "test_target": str(folder / "test.nl"),
        "language_tags": True,
    }
    return check_settings(values, "test settings")


@pytest.fixture(scope="module")
def folder(small_corpus, tmp_path_factory):
    made = tmp_path_factory.mktemp("languages")
    for split, count in (("train", 60), ("val", 5), ("test", 5)):
        for language in ("en", "de", "nl"):
            text = (small_corpus / f"{split}.{language.replace('nl', 'de')}").read_text()
            text = text.upper() if language == "nl" else text
            lines = text.splitlines()[:count]
            (made / f"{split}.{language}").write_text("".join(f"{line}\n" for line in lines))
    return made


@pytest.fixture(scope="module")
def config(folder):
    return settings(
        folder,
        subwords={"vocabulary_size": 400},
        model={"embedding_size": 16, "units": 16},
        training={"steps": 0, "seed": 2},
    )


@pytest.fixture(scope="module")
def run(config, tmp_path_factory):
    """A run of first weights, which writes something else for each tag."""
    path = tmp_path_factory.mktemp("run") / "run"
    train(config, path, Silent())
    return path


@pytest.fixture(scope="module")
def translator(run):
    return load_translator(run, {"longest_factor": 1.0, "longest_source": 20})


def pieces(translator, text):
    return translator.subwords.pieces(translator.search([text])[0][0].source_ids)


def test_training_reads_each_source_behind_the_tag_of_its_target(config):
    subwords = learn_subwords(config)
    assert {"<2de>", "<2nl>"} <= set(subwords.pieces(range(subwords.size)))
    corpus = encode_corpus(config.data, subwords)
    texts = [subwords.decode(corpus.sources[row]) for row in corpus.usable]
    assert {text.split()[0] for text in texts[:60]} == {"<2de>"}
    assert {text.split()[0] for text in texts[60:]} == {"<2nl>"}
    assert [text[6:] for text in texts[:60]] == [text[6:] for text in texts[60:]]
    drawn = dataclasses.replace(config, subwords=dataclasses.replace(config.subwords, sampling=0.5))
    batches = Epochs(drawn, subwords, corpus).batches(0).as_numpy_iterator()
    rows = [row[row > EOS] for source, *_ in batches for row in source]
    found = [subwords.pieces(row[:2]) for row in rows]
    assert sorted(map(tuple, found)) == [("▁", "<2de>")] * 60 + [("▁", "<2nl>")] * 60


def test_a_source_is_read_behind_the_tag_that_is_asked_for(translator):
    assert pieces(translator, "A cat.")[:2] == ["▁", "<2de>"]
    assert pieces(translator.into("nl"), "A cat.")[:2] == ["▁", "<2nl>"]
    assert pieces(translator, "<2nl> A cat.") == pieces(translator.into("nl"), "A cat.")
    german, dutch = translator.translate(LINES), translator.into("nl").translate(LINES)
    assert german[0] != dutch[0]  # the control: the tag is read
    assert german[1:] == dutch[1:] and german[1] == ""
    assert translator.translate(["<2nl> The old dog sleeps."]) == dutch[:1]
    scores = [
        each.score(["A cat."], ["Eine Katze."])[0] for each in (translator, translator.into("nl"))
    ]
    assert scores[0].log_probability != scores[1].log_probability
    assert translator.into("nl").align("A cat.").source_subwords[1] == "<2nl>"
    assert (translator.languages.target, translator.into("nl").languages.target) == ("de", "nl")


def test_every_piece_of_a_long_line_has_the_tag(translator):
    long = "The dog sleeps today. The old cat sees the dog. " * 4
    (window,) = translator.line_translator()([[f"<2nl> {long}", long]])
    for line, tag in zip(window, ("<2nl>", "<2de>"), strict=True):
        assert len(line.parts) > 2
        for part in line.parts:
            ids = part.outputs[0].source_ids
            assert translator.subwords.pieces(ids[:2]) == ["▁", tag] and len(ids) <= 21
        joined = "".join(
            part.joint + translator.subwords.decode(part.outputs[0].source_ids)[6:]
            for part in line.parts
        )
        assert joined == long.strip()


@pytest.mark.parametrize("default", ["de", "nl"])
def test_a_graph_reads_the_ids_that_the_translator_reads(translator, default):
    """Of short texts, with a tag or without; of a long one each chunk has a tag."""
    subwords, tags = translator.subwords, LanguageTags(("de", "nl"), default)
    all_pieces = subwords.pieces(range(subwords.size))
    vocabulary = Vocabulary(
        encode=GraphSubwords(subwords).encode,
        decode=lambda ids: ids,
        prefix_places=lambda texts, ids: ids,
        pieces=all_pieces,
        places=cutting_places(all_pieces, subwords.first_text),
        pad=0,
        eos=EOS,
    )
    graph = TranslatorGraph(vocabulary, None, LONGEST, 1000, _source_tags(tags, subwords))
    long = "<2nl> " + "The dog sleeps today. The old cat sees the dog. " * 4
    texts = tf.constant([*LINES, long, "<2de>"])
    ids = graph.encoded(texts, 1000).to_list()
    assert ids == [subwords.encode(tags.before(text.decode())) for text in texts.numpy()]
    references = graph.ids(texts, 1000).to_list()  # which are targets
    assert references == [subwords.encode(text.decode()) for text in texts.numpy()] != ids
    chunks, of_texts = graph.chunks(texts)
    assert of_texts.numpy().tolist() == [0, 2, *[3] * (len(of_texts) - 2)] and len(of_texts) > 3
    assert chunks.to_list()[:2] == [ids[0], ids[2]]
    rest = [chunk[2:] for chunk in chunks.to_list()[2:]]
    assert {tuple(subwords.pieces(each[:2])) for each in chunks.to_list()[2:]} == {("▁", "<2nl>")}
    assert np.concatenate(rest).tolist() == ids[3][2:]
    assert max(map(len, chunks.to_list())) <= LONGEST


def test_the_command_writes_the_language_that_is_asked_for(run, tmp_path, capsys):
    (tmp_path / "text").write_text("The old dog sleeps.\n")
    said = []
    for to in ([], ["--to", "de"], ["--to", "nl"]):
        main(["translate", str(run), str(tmp_path / "text"), *to])
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] != said[2]
    with pytest.raises(SystemExit, match="1"):
        main(["translate", str(run), str(tmp_path / "text"), "--to", "fr"])
    assert "the run was not trained to write fr; it writes de, nl" in capsys.readouterr().err


def test_scores_are_of_the_language_that_a_reference_s_name_ends_in(run, translator, folder):
    found = [
        evaluate_with(translator, "run", folder / "test.en", folder / f"test.{language}")
        for language in ("de", "nl")
    ]
    sources = (folder / "test.en").read_text().splitlines()
    assert found[1].system.lines == translator.into("nl").translate(sources)
    assert found[1].system.lines != found[0].system.lines
    assert set(RunFolder.open(run).scores()) == {"of", "validation", "test"}


def test_a_teacher_of_several_languages_writes_that_of_the_corpus(
    run, folder, tmp_path, translator
):
    text = Text((folder / "test.en", folder / "test.nl"), ("en", "nl"), Languages("en", "nl"))
    job = AugmentJob([run], text, tmp_path / "new", {})
    augment(job, SimpleNamespace(started=lambda _: None, advanced=lambda _: None))
    sources = (folder / "test.en").read_text().splitlines()
    expected = load_translator(run).into("nl").translate(sources)
    found = (tmp_path / "new" / "train.nl").read_bytes().decode()
    assert found.split("\n")[:-1] == expected  # untrained, it writes control characters too
    assert expected != load_translator(run).translate(sources)


def test_what_is_scored_is_of_the_language_that_its_name_ends_in(translator, folder):
    rows = [
        next(score_with(translator, folder / "test.en", folder / f"test.{language}"))
        for language in ("de", "nl")
    ]
    source, dutch = ((folder / f"test.{side}").read_text().split("\n")[0] for side in ("en", "nl"))
    found = [each.score([source], [dutch])[0] for each in (translator.into("nl"), translator)]
    assert rows[1]["log_probability"] == pytest.approx(found[0].log_probability, abs=1e-3)
    assert rows[1]["log_probability"] != pytest.approx(found[1].log_probability, abs=1e-3)


def test_a_run_of_one_language_has_no_choice(trained_run):
    with pytest.raises(
        ConfigError, match="the run writes one language alone .got nl.; for several"
    ):
        load_translator(trained_run).into("nl")


def test_languages_have_to_be_known_and_trained(config, folder, trained_run, tmp_path):
    values = as_settings(config)
    (tmp_path / "text").write_text("x\n")
    values["data"]["train"][1]["target"] = str(tmp_path / "text")
    values["data"]["target_language"] = None
    mixed = check_settings(values, "")  # the first corpus's language stands for files without one
    assert mixed.data.tags == LanguageTags(("de",), "de")
    with pytest.raises(ConfigError, match="not trained to write nl; it writes de"):
        check_files(mixed)
    values["data"]["train"][0]["target"] = str(tmp_path / "text")
    with pytest.raises(ConfigError, match=r"data: language_tags: which language is .*text\? Give"):
        check_settings(values, "")
    kept = as_settings(config)
    kept["training"] |= {"start_from": str(trained_run)}
    with pytest.raises(ConfigError, match="the vocabulary of .* has no <2de>; learn another"):
        train(check_settings(kept, ""), tmp_path / "run", Silent())


def test_what_minimum_risk_chooses_by_is_of_the_language_asked_for(run):
    plain = load_translator(run, {"beam_width": 2})
    assert plain.into("nl").batch_search() is plain.batch_search()
    choosing = load_translator(run, {"beam_width": 2, "mbr": "bleu"})
    assert choosing.into("nl").batch_search() is not choosing.batch_search()


def test_validation_tags_each_piece_of_a_long_line(folder, monkeypatch):
    """As `translate` does; else the pieces behind the first would be of no language."""
    config = settings(folder, decoding={"longest_source": LONGEST})
    long = folder / "long.en"
    long.write_text("The old dog sleeps. The old dog sleeps. The old dog sleeps.\n")
    (folder / "long.nl").write_text("DER ALTE HUND.\n")
    data = dataclasses.replace(
        config.data, validation_source=long, validation_target=folder / "long.nl"
    )
    validator = Validator(dataclasses.replace(config, data=data), learn_subwords(config))
    pieces = []
    monkeypatch.setattr(
        validator._text_translator,
        "batch_search",
        lambda *_, **__: lambda sources, *_: pieces.extend(sources) or [[] for _ in sources],
    )
    with contextlib.suppress(Exception):  # nothing was found
        validator(validator.translator.training.get_weights())
    subwords = validator._text_translator.subwords
    assert len(pieces) > 1
    assert all("<2nl>" in subwords.decode(ids) for ids in pieces)
