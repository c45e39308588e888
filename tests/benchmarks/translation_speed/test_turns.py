"""What the peers are trained on."""

from types import SimpleNamespace

import pytest

from benchmarks.translation_speed.turns import Peers
from seq2seq.errors import ConfigError


def test_peers_of_a_run_on_shards_alone_are_refused(tmp_path):
    config = SimpleNamespace(model=None, data=SimpleNamespace(corpora=()))
    corpus = SimpleNamespace(run="runs/mine", config=config)
    with pytest.raises(ConfigError, match="runs/mine was trained on shards alone"):
        Peers(corpus, [], tmp_path / "cache").train(9)
    assert not (tmp_path / "cache").exists()
