"""The files of a training: that they are there, the vocabulary of the text, the evaluation sets."""

import itertools
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from seq2seq.config.corpora import DataConfig
from seq2seq.config.fitting import MANY_ALTERED
from seq2seq.config.mistakes import shown
from seq2seq.config.sections import RunConfig
from seq2seq.data.held_out import HeldOut
from seq2seq.data.lines import read_pairs
from seq2seq.data.shards import Shards
from seq2seq.data.subwords import Subwords, train_subwords
from seq2seq.errors import DataError
from seq2seq.scoring.metrics import bleu
from seq2seq.scoring.reachable import altered

logger = logging.getLogger(__name__)

SIDES = ("source", "target")
MOST_MET = 0.05  # of held-out sentences; short ones are in any two texts


def check_files(config: RunConfig) -> None:
    """Looks that every file that the settings name is there, before anything is written.

    Raises:
        DataError: naming the setting of each missing file.
        ConfigError: BLEU of the target language cannot be counted here, or validation and test
            text are of a language that training has not.
    """
    data = config.data
    paths = {**data.fixed_files, "test_source": data.test_source, "test_target": data.test_target}
    named = {f"data.{field}": path for field, path in paths.items()}
    named |= {f"model.{side}_vectors": getattr(config.model, f"{side}_vectors") for side in SIDES}
    missing = [f"{name}: {path}" for name, path in named.items() if path and not path.is_file()]
    if missing:
        raise DataError(
            f"no such file: {'; '.join(missing)}; prepare the corpus first "
            "(`python -m data_prep --help`) or change the path"
        )
    for _, target in evaluation_files(config).values():
        data.tags_for(target)
    bleu(data.languages.target)


def learn_subwords(config: RunConfig) -> Subwords:
    """The vocabulary of both sides of the training text, of all corpora; shards have theirs."""
    if config.data.shards:
        return Shards(config.data.shards).subwords()
    texts = (read_pairs(corpus.source, corpus.target) for corpus in config.data.corpora)
    pairs = itertools.chain.from_iterable(texts)
    symbols = config.data.tags.symbols if config.data.tags else ()
    settings = replace(
        config.subwords, symbols=tuple(dict.fromkeys([*config.subwords.symbols, *symbols]))
    )
    return train_subwords(itertools.chain.from_iterable(pairs), settings)


def evaluation_files(config: RunConfig) -> dict[str, tuple[Path, Path]]:
    """Source and target of the validation set and, where there is one, of the test set."""
    data = config.data
    files = {"validation": (data.validation_source, data.validation_target)}
    if data.test_source and data.test_target:
        files["test"] = (data.test_source, data.test_target)
    return files


def report_met(held_out: Mapping[str, HeldOut]) -> None:
    """Says which held-out text training has too, so that its scores would flatter."""
    for split, text in held_out.items():
        source, target = text.shares()
        if source <= MOST_MET < target:  # words that sound alike, or dates
            logger.warning(
                "of the %s text, %.1f %% of the targets are in the training text too, beside other "
                "sources; of the sources, %.1f %%",
                *(split, 100 * target, 100 * source),
            )
        elif source > MOST_MET:
            logger.warning(
                "of the %s text, %.1f %% of the sources and %.1f %% of the targets are in the "
                "training text too: scores on it flatter; leave these sentences out of training",
                *(split, 100 * source, 100 * target),
            )


def report_unreachable(config: RunConfig, references: Sequence[str], subwords: Subwords) -> None:
    """Says how many validation references the vocabulary's normalisation keeps out of reach."""
    rule = config.subwords.normalization
    if rule.endswith("_cf"):  # whoever folds capitals wants other text than the references
        return
    found = altered(references, subwords.normalize)
    if found.share >= MANY_ALTERED and found.example:
        logger.warning(
            "%.0f %% of the lines of %s cannot be written as they are: subwords.normalization: %s "
            "makes %s of %s, for one; identity keeps them",
            *(100 * found.share, config.data.validation_target, rule),
            *map(shown, reversed(found.example)),
        )


def tagged_sources(data: DataConfig, sources: Iterable[str], target_path: Path) -> list[str]:
    """Sources of a validation or test set as the network reads them: behind tags, if it has any."""
    tags = data.tags_for(target_path)
    return [tags.before(source) if tags else source for source in sources]


def read_parallel(source_path: Path, target_path: Path) -> tuple[list[str], list[str]]:
    """Both sides of a validation or test set, which is small enough to hold.

    Raises:
        DataError: the sides have different numbers of lines, or none.
    """
    pairs = list(read_pairs(source_path, target_path))
    if not pairs:
        raise DataError(f"{source_path} is empty; give a file with a sentence a line")
    return [source for source, _ in pairs], [target for _, target in pairs]
