"""What several test folders share: the miniature corpus, settings for it, and one trained run."""

import gc
import os
from pathlib import Path
from typing import Any

import pytest

# Before TensorFlow and NumPy are imported, here and in what tests start: test processes that run
# side by side have a core each.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from made_once import made_once

from data_prep.miniature.corpus import DEFAULT_SEED, make_corpus
from seq2seq.config.loading import check_settings
from seq2seq.config.sections import RunConfig
from seq2seq.data.lines import write_lines

# The files that take longest, which a process starts with, so that none is left for the end.
LONGEST = (
    "workflows/test_train_on_workers.py",
    "docs/test_shown_commands_run.py",
    "training/test_jax_training.py",
    "models/test_presets_read_sources.py",
    "serving/page/test_page_in_browser.py",
    "workflows/test_train.py",
    "workflows/test_translation_promises.py",
    "workflows/test_one_text_by_every_way.py",
    "workflows/test_export_portable.py",
    "workflows/test_export_directory.py",
    "workflows/test_export.py",
    "workflows/test_translate.py",
    "workflows/test_show.py",
    "models/test_family.py",
)
COLLECT_AFTER = 20_000  # allocations; tracing makes millions of objects that stay


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest files first."""
    ranks = {Path(__file__).parent / name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


def pytest_collection_finish() -> None:
    """Spares the garbage collector what was imported, and a seventh of all time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 50, 100)


class Silent:
    """A `Reporter` that remembers instead of showing."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.losses: list[float] = []
        self.results: list[Any] = []

    def started(self, message: str) -> None:
        self.messages.append(message)

    def stepped(self, progress: Any, loss: float, tokens: int, learning_rate: float) -> None:
        self.losses.append(loss)

    def validated(self, progress: Any, result: Any, best: bool) -> None:
        self.results.append(result)


def miniature_settings(folder: Path, **sections: dict[str, Any]) -> RunConfig:
    """Settings for a corpus folder, with a network small enough for tests."""
    settings: dict[str, dict[str, Any]] = {
        "data": {
            f"{name}_{side}": str(folder / f"{split}.{language}")
            for name, split in (("train", "train"), ("validation", "val"), ("test", "test"))
            for side, language in (("source", "en"), ("target", "de"))
        },
        "subwords": {"vocabulary_size": 700},
        "model": {"embedding_size": 16, "units": 16},
        "training": {},
        "decoding": {"beam_width": 1},  # quick to trace
    }
    for name, section in sections.items():
        settings[name] |= section
    return check_settings(settings, "test settings")


def write_corpus(folder: Path, train: int | None, others: int) -> Path:
    """The first pairs of each split of the miniature corpus."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, pairs in make_corpus(DEFAULT_SEED).items():
        kept = pairs[: train if split == "train" else others]
        for number, language in enumerate(("en", "de")):
            write_lines(folder / f"{split}.{language}", [pair[number] for pair in kept])
    return folder


@pytest.fixture(scope="session")
def small_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 training pairs and 20 of each other split: for tests where nothing need be learnt."""
    return write_corpus(tmp_path_factory.mktemp("small"), train=400, others=20)


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder whose weights were trained for seconds: they translate, if not well.

    One for all test processes: a test that changes it works on a copy.
    """

    def make(folder: Path) -> None:
        from seq2seq.workflows.train import train

        corpus = write_corpus(folder / "corpus", train=5000, others=130)
        config = miniature_settings(
            corpus,
            subwords={"vocabulary_size": 900},
            model={"embedding_size": 64, "units": 128, "attention": "additive", "dropout": 0.0},
            data={"batch_tokens": 640},
            decoding={"beam_width": 4},
            training={"epochs": 3, "learning_rate": 0.008, "warmup_steps": 50},
        )
        train(config, folder / "run", Silent())

    return made_once(tmp_path_factory, "trained", make) / "run"


@pytest.fixture
def stopped_at_once(monkeypatch: pytest.MonkeyPatch) -> type[Exception]:
    """What every training raises in place of its first step, all before it being done."""

    class Stop(Exception):
        pass

    def step(*_: Any) -> None:
        raise Stop

    monkeypatch.setattr("seq2seq.training.train_step.Optimization.step", step)
    return Stop
