"""Settings for a corpus: held-out text if there is none, sizes that fit, and how long it takes."""

import itertools
import logging
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seq2seq.config.fitting import CorpusSize, Fitted, Machine, fit_settings
from seq2seq.config.languages import Languages
from seq2seq.config.loading import check_settings
from seq2seq.config.sections import SubwordConfig
from seq2seq.config.settings_file import commented_yaml, settings_of
from seq2seq.data.corpus_files import (
    Corpus,
    Pair,
    Table,
    check_not_read,
    hold_out,
    read_files,
    split_files,
)
from seq2seq.data.lines import read_pairs, write_lines
from seq2seq.data.subwords import VocabularySizeError, normalizer
from seq2seq.errors import ConfigError
from seq2seq.files import is_among, write_atomically
from seq2seq.scoring.reachable import comes_back
from seq2seq.training.corpus import check_files, learn_subwords, read_parallel
from seq2seq.training.pilot import Pilot, time_steps

logger = logging.getLogger(__name__)

PILOT_PAIRS = 50_000  # that the vocabulary is tried on, and that the steps that are timed are of
VOCABULARIES = 4  # tried: too few for the characters, then too many for the words, and so on
PROCESSOR = Path("/proc/cpuinfo")
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}
NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)*(?:[eE][+-]?\d+)?")  # an id, a count, a score


@dataclass(frozen=True)
class InitJob:
    """What to make settings for, and where they go."""

    corpus: Corpus
    config: Path
    data: Path  # folder of the splits that are made, if any are
    seed: int = 1
    replace: bool = False  # settings and splits that are there
    pilot: bool = True
    also: Sequence[Pair] = ()  # further training corpora


@dataclass(frozen=True)
class Initialised:
    """What was chosen and written."""

    config: Path
    files: Mapping[str, Pair]  # by split
    written: Mapping[str, int]  # pairs by split that was made
    languages: Languages
    size: CorpusSize
    fitted: Sequence[Fitted]
    pilot: Pilot | None

    @property
    def seconds(self) -> float | None:
        """Of the whole training on this machine, validations apart; None without a pilot."""
        if self.pilot is None:
            return None
        epochs = next(each.value for each in self.fitted if each.name == "epochs")
        return epochs * self.size.pairs / self.pilot.pairs * self.pilot.seconds


def init(job: InitJob) -> Initialised:
    """Holds text out where none is given, chooses settings and writes them.

    Raises:
        Seq2SeqError: the corpus cannot be used, or files are there already.
    """
    _check_config(job)
    for given in filter(None, (job.corpus.validation, job.corpus.test)):
        read_parallel(*given)
    languages = job.corpus.languages
    with hold_out(job.corpus, job.data, job.seed, job.replace, job.also) as splits:
        size = _measure(job, splits.readable["train"])
        fitted, pilot = _tried(job, splits.readable, size)
        headline = f"Fitted by `seq2seq init` to {size.pairs:,} training pairs."
        settings = settings_of(splits.files, languages, fitted, job.also)
        with write_atomically(job.config) as stream:
            stream.write(commented_yaml(settings, fitted, headline).encode())
    return Initialised(job.config, splits.files, splits.written, languages, size, fitted, pilot)


def _check_config(job: InitJob) -> None:
    """Looks that the settings can be written, and write over nothing that is to stay."""
    if not job.config.parent.is_dir():
        raise ConfigError(f"{job.config.parent} is no folder; make it, or choose another -o")
    if job.config.is_dir() or is_among(job.config, [job.data]):
        raise ConfigError(
            f"{job.config} is a folder, of text maybe; name a file for the settings, such as "
            f"-o {job.config}.yaml"
        )
    check_not_read(job.config, read_files(job.corpus, job.also), "choose another -o")
    splits = split_files(job.corpus, job.data).values()
    if is_among(job.config, itertools.chain.from_iterable(splits)):
        raise ConfigError(f"{job.config} is for text that is held out; choose another -o")
    if job.config.exists() and not job.replace:
        raise ConfigError(f"{job.config} is there already; choose another -o, or pass --replace")


def _measure(job: InitJob, train: Pair) -> CorpusSize:
    """Pairs and characters of the training text; says where one side of it is numbers."""
    languages = job.corpus.languages
    normalize = normalizer(SubwordConfig.normalization)
    pairs, changed, characters = 0, 0, set[str]()
    named = [_names(job.corpus), *((str(source), str(target)) for source, target in job.also)]
    for names, files in zip(named, [train, *job.also], strict=True):
        used, numbers = 0, [0, 0]
        for both in read_pairs(*files):
            characters.update(*both)
            if all(map(str.strip, both)):
                used += 1
                changed += not comes_back(both[1], normalize)
                for side, text in enumerate(both):
                    numbers[side] += NUMBER.fullmatch(text.strip()) is not None
        _report_numbers(names, numbers, used)
        pairs += used
    tags = languages.source, languages.target
    return CorpusSize(pairs, len(characters), tags, changed / max(1, pairs))


def _names(corpus: Corpus) -> tuple[str, str]:
    """What a user knows the sides of a corpus by."""
    if isinstance(corpus.train, Table):
        source, target = (f"column {each} of {corpus.train.path}" for each in corpus.train.columns)
    else:
        source, target = map(str, corpus.train)
    return source, target


def _report_numbers(names: tuple[str, str], numbers: Sequence[int], pairs: int) -> None:
    """Says which side is mostly numbers while the other one is not."""
    shares = [count / max(1, pairs) for count in numbers]
    for side, other in ((0, 1), (1, 0)):
        if shares[side] > 0.5 >= shares[other]:
            logger.warning(
                "%s: %.0f %% of the lines are a number alone, such as an id or a score, beside "
                "text in %s; see whether these are the two to learn from (--columns chooses those "
                "of a table)",
                *(names[side], 100 * shares[side], names[other]),
            )


def _machine() -> Machine:
    try:
        flags = set(PROCESSOR.read_text(encoding="utf-8").split())
    except OSError:  # not Linux
        flags = set()
    return Machine(len(os.sched_getaffinity(0)), bool(flags & BFLOAT16_FLAGS))


def _tried(
    job: InitJob, files: Mapping[str, Pair], size: CorpusSize
) -> tuple[list[Fitted], Pilot | None]:
    """Settings with a vocabulary that the corpus allows, and what a few steps told."""
    fitted, also = fit_settings(size, _machine()), job.also
    with tempfile.TemporaryDirectory() as folder:
        if size.pairs > PILOT_PAIRS:
            some = _some_pairs([files["train"], *also], size.pairs, Path(folder))
            files, also = {**files, "train": some}, ()
        for left in reversed(range(VOCABULARIES)):
            settings = settings_of(files, job.corpus.languages, fitted, also)
            config = check_settings(settings, "fitted settings")
            check_files(config)
            try:
                subwords = learn_subwords(config)
                break
            except VocabularySizeError as error:
                if not left:
                    raise
                fitted = [_resized(each, error.nearest) for each in fitted]
        return fitted, time_steps(config, subwords) if job.pilot else None


def _pairs(corpora: Sequence[Pair]) -> Iterator[tuple[str, str]]:
    return itertools.chain.from_iterable(itertools.starmap(read_pairs, corpora))


def _some_pairs(corpora: Sequence[Pair], count: int, folder: Path) -> Pair:
    """So many pairs as are tried, from all over the corpora."""
    paths = folder / "source", folder / "target"
    every = -(-count // PILOT_PAIRS)
    for side, path in enumerate(paths):
        pairs = itertools.islice(_pairs(corpora), 0, every * PILOT_PAIRS, every)
        write_lines(path, (pair[side] for pair in pairs))
    return paths


def _resized(setting: Fitted, size: int) -> Fitted:
    if setting.name != "vocabulary_size":
        return setting
    return replace(setting, value=size, reason="as many as this text allows, or needs")
