import numpy as np
import pytest
from conftest import Silent, miniature_settings

from seq2seq.data.pretrained_embeddings import WordVectors
from seq2seq.errors import DataError
from seq2seq.run_folder import RunFolder
from seq2seq.training.train_step import Optimization
from seq2seq.workflows.train import fit


@pytest.mark.parametrize("averaging", [0.0, 0.99])
def test_vectors_take_the_place_of_fresh_ones_in_weights_and_averages(small_corpus, averaging):
    config = miniature_settings(small_corpus, training={"averaging": averaging})
    optimization = Optimization(config, 300)
    before = optimization.translation_weights()
    rows = np.array([7, 90], np.int32)
    vectors = np.arange(32, dtype=np.float32).reshape(2, 16)
    optimization.start_from("source", WordVectors(rows, vectors))
    changed = [
        (old, new)
        for old, new in zip(before, optimization.translation_weights(), strict=True)
        if (old != new).any()
    ]
    ((old, new),) = changed
    np.testing.assert_array_equal(new[rows], vectors)
    others = np.delete(np.arange(len(old)), rows)
    np.testing.assert_array_equal(new[others], old[others])


def test_training_starts_from_a_file_of_vectors_and_says_how_many(
    small_corpus, tmp_path, caplog, stopped_at_once
):
    path = tmp_path / "vectors.txt"
    path.write_text("".join(f"{word} {'1 ' * 15}1\n" for word in ("the", "dog", "nowhere")))
    config = miniature_settings(small_corpus, model={"source_vectors": str(path)})
    with caplog.at_level("INFO"), pytest.raises(stopped_at_once):
        fit(config, tmp_path / "run", Silent())
    size = RunFolder.open(tmp_path / "run").subwords().size
    assert f"vectors for 3 of {size} subwords" in caplog.text  # the, The, dog
    assert RunFolder.open(tmp_path / "run").config().model.source_vectors == path
    path.unlink()
    with pytest.raises(DataError, match="model.source_vectors: .*vectors.txt"):
        fit(config, tmp_path / "another", Silent())
    assert not (tmp_path / "another").exists()
