"""A run's training text, whether it is encoded now or was prepared before."""

import logging
from collections.abc import Sequence
from pathlib import Path

from seq2seq.config.sections import RunConfig
from seq2seq.data.counts import CorpusCounts
from seq2seq.data.held_out import HeldOut
from seq2seq.data.shortlist import Shortlist, learn_shortlist
from seq2seq.data.source_words import SourceWords, count_words
from seq2seq.data.subwords import Subwords
from seq2seq.training.encoded_corpus import EncodedCorpus, encode_corpus
from seq2seq.training.epochs import Epochs
from seq2seq.training.sharded_corpus import ShardedCorpus, ShardEpochs

logger = logging.getLogger(__name__)

TrainingText = EncodedCorpus | ShardedCorpus

TRANSLATIONS_KEPT = 20  # translations of a source subword in the vocabulary shortlist


def training_text(
    config: RunConfig,
    subwords: Subwords,
    scratch: Path | None = None,
    held_out: Sequence[HeldOut] = (),
) -> TrainingText:
    """The text that a run is trained on.

    Args:
        config: settings of the run.
        subwords: its vocabulary.
        scratch: see `encode_corpus`.
        held_out: hear what training has; not from shards, whose preparation said it.

    Raises:
        Seq2SeqError: the text or the shards cannot be used.
    """
    if config.data.shards:
        return ShardedCorpus(config, subwords)
    return encode_corpus(config.data, subwords, scratch, held_out)


def epochs_of(config: RunConfig, subwords: Subwords, text: TrainingText) -> Epochs | ShardEpochs:
    """The batches of a training."""
    if isinstance(text, ShardedCorpus):
        return ShardEpochs(config, text)
    return Epochs(config, subwords, text)


def learn_run_shortlist(text: TrainingText, vocabulary_size: int) -> Shortlist:
    """Which target subwords translate which source subwords in the training text."""
    pairs = ((source.tolist(), target.tolist()) for source, target in text.id_pairs())
    return learn_shortlist(pairs, vocabulary_size, TRANSLATIONS_KEPT)


def count_run_words(text: TrainingText, subwords: Subwords) -> SourceWords:
    """The source words that training sees."""
    return count_words(map(subwords.decode, text.usable_sources()))


def report_left_out(counts: CorpusCounts, longest: int) -> None:
    """Says how many pairs training will not see, and why."""
    if counts.empty or counts.too_long or counts.duplicates:
        duplicates = f", {counts.duplicates} that another pair equals" if counts.duplicates else ""
        logger.warning(
            "left out of training: %d pairs with an empty side, "
            "%d above data.longest = %d subwords%s",
            counts.empty,
            counts.too_long,
            longest,
            duplicates,
        )
