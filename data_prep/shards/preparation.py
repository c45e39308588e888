"""From the text of a settings file to a folder of shards: encoded, shuffled, each pair once.

Pairs go to disk twice: into buckets as they are encoded, and bucket by bucket into shards. Memory
holds some chunks of text and a bucket for each process, however long the text is.
"""

import hashlib
import itertools
import logging
import math
import multiprocessing
import os
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from data_prep.shards.encoding import PairEncoder, begin_worker, encode_in_worker
from data_prep.shards.packing import Packing, write_shard
from data_prep.shards.progress import Progress, in_order
from data_prep.shards.text_chunks import TextChunks
from data_prep.shards.work import STATE, Buckets, Work, holds_work
from seq2seq.config.corpora import MANIFEST
from seq2seq.config.loading import as_settings, check_settings
from seq2seq.config.sections import RunConfig
from seq2seq.data.counts import CorpusCounts
from seq2seq.data.held_out import HeldOut
from seq2seq.data.shards import (
    FORMAT,
    LENGTH,
    LENGTHS,
    SUBWORDS,
    Manifest,
    TextFile,
    array_record_module,
    shaping_settings,
)
from seq2seq.data.subwords import Subwords
from seq2seq.errors import ConfigError, DataError, RunError
from seq2seq.files import (
    file_sha256,
    flush_tree,
    held,
    hidden_sibling,
    rename_durably,
    write_atomically,
)
from seq2seq.training.corpus import (
    check_files,
    evaluation_files,
    learn_subwords,
    read_parallel,
    report_met,
)

logger = logging.getLogger(__name__)

CHUNKS_A_SAVE = 64  # a million pairs
TEXT_A_SHARD = 64 << 20  # bytes of both sides: about half a million pairs
UNPACKED = 4  # bytes of text in one of .gz, about
MOST_SHARDS = 512  # buckets that are open at once
KEPT = "what is done is kept, and the same command goes on"


def prepare(config: RunConfig, output: Path, processes: int) -> Manifest:
    """Makes the folder of shards of a training's text; goes on where it was interrupted.

    Args:
        config: settings of the training; of these, `shaping_settings` and the seed matter.
        output: the folder, which appears when it is whole.
        processes: that work at once.

    Raises:
        Seq2SeqError: settings, text or folder cannot be used.
        KeyboardInterrupt: after Ctrl-C; the same call goes on.
    """
    array_record_module()
    output = Path(os.path.realpath(output))  # a link stays a link
    config = _checked(config, output)
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise DataError(f"{output} is there already; train on it, or give another --output")
    folder = hidden_sibling(output, ".preparing")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        busy = f"another process prepares {output}; wait or stop it"
        with held(folder, taken=RunError(busy)):
            manifest = Preparation(config, folder, processes).run()
            rename_durably(folder, output)
        for path in (output / STATE, *output.glob("lengths-*")):
            path.unlink()
    except (DataError, ConfigError):
        if not holds_work(folder):  # begun on settings or text that cannot be used
            shutil.rmtree(folder)
        raise
    except OSError as error:
        raise RunError(f"{error.filename or folder}: {error.strerror}; {KEPT}") from error
    except KeyboardInterrupt:
        raise KeyboardInterrupt(KEPT) from None
    return manifest


def _checked(config: RunConfig, output: Path) -> RunConfig:
    """Settings without shards, after a look that a training on shards will take them."""
    settings = as_settings(config)
    settings["data"]["shards"] = str(output)
    check_settings(settings, "for shards, the settings")
    config = replace(config, data=replace(config.data, shards=None))
    check_files(config)
    return config


class Preparation:
    """One folder of shards, being made.

    Args:
        config: settings of the training.
        folder: of the work, which becomes the result.
        processes: that work at once.

    Raises:
        RunError: the folder was begun of something else.
    """

    def __init__(self, config: RunConfig, folder: Path, processes: int) -> None:
        self._processes = processes
        self._folder = folder
        logger.info("hashing the text")
        files = config.data.training_files
        self._texts = {name: TextFile.of(path) for name, path in files.items()}
        self._config, other = _with_other_vocabulary(config)
        made_of = {
            **{f"data.{name}": text.sha256 for name, text in self._texts.items()},
            **shaping_settings(self._config),
            "training.seed": config.training.seed,
            "training.start_from": other and hashlib.sha256(other.model).hexdigest(),
        }
        self._work = Work(folder, made_of, _count_shards(self._texts.values()))
        self._work.save()
        self._subwords = self._vocabulary(other)

    def run(self) -> Manifest:
        """Does what is left to be done.

        Raises:
            DataError: the text cannot be used.
        """
        with self._pool() as executor:
            if not self._work.state.encoded:
                self._encode(executor)
            self._pack(executor)
        return self._finish()

    def _vocabulary(self, other: Subwords | None) -> Subwords:
        path = self._folder / SUBWORDS
        if not path.exists():
            logger.info("the vocabulary is %s", "another run's" if other else "being learnt")
            subwords = other or learn_subwords(self._config)
            with write_atomically(path) as stream:
                stream.write(subwords.model)
        return Subwords.load(path)

    @property
    def _encoding(self) -> tuple[bytes, int, int, int]:
        """What a `PairEncoder` is made of."""
        config, buckets = self._config, self._work.state.buckets
        return self._subwords.model, config.data.longest, config.training.seed, buckets

    @contextmanager
    def _pool(self) -> Iterator[Executor | None]:
        """The processes; None: this one does the work."""
        if self._processes == 1:
            yield None
            return
        executor = ProcessPoolExecutor(
            self._processes,
            multiprocessing.get_context("spawn"),
            initializer=begin_worker,
            initargs=self._encoding,
        )
        try:
            yield executor
        finally:
            executor.shutdown(cancel_futures=True)

    def _encode(self, executor: Executor | None) -> None:
        """Fills the buckets."""
        state = self._work.state
        sets = evaluation_files(self._config)
        held_out = {
            split: HeldOut(zip(*read_parallel(*files), strict=True))
            for split, files in sets.items()
        }
        text = TextChunks(self._config.data, list(held_out.values()))
        chunks = itertools.islice(text, state.chunks, None)
        encode = encode_in_worker if executor else PairEncoder(*self._encoding)
        progress = Progress("encoding")
        with closing(Buckets(self._work)) as buckets:
            for encoded in in_order(executor, encode, chunks, 2 * self._processes):
                buckets.add(encoded)
                progress.reached(text.done)
                if state.chunks % CHUNKS_A_SAVE == 0:
                    buckets.save()
            self._check_text()
            state.encoded = True
            buckets.save()
        report_met(held_out)

    def _check_text(self) -> None:
        """Rejects text that nothing can be made of, or that was changed meanwhile."""
        counts, longest = self._work.state.counts, self._config.data.longest
        if not counts.kept:
            raise DataError(
                f"the text holds no usable pair: {counts.pairs} lines, {counts.empty} with an "
                f"empty side, {counts.too_long} above data.longest = {longest} subwords"
            )
        for text in self._texts.values():
            if not text.is_in(Path(text.path)):
                raise DataError(f"{text.path} was changed while it was read; begin again")

    def _pack(self, executor: Executor | None) -> None:
        """Makes a shard of each bucket."""
        state, work = self._work.state, self._work
        work.remove_packed()
        packings = (
            Packing(
                work.bucket(number),
                self._folder / f"pairs-{number:05d}-of-{state.buckets:05d}.array_record",
                work.lengths(number),
                self._subwords.size,
            )
            for number in range(len(state.packed), state.buckets)
        )
        progress = Progress("shuffling and writing")
        for packed in in_order(executor, write_shard, packings, self._processes):
            state.packed.append(packed)
            work.save()
            work.remove_packed()
            progress.reached(len(state.packed) / state.buckets)

    def _finish(self) -> Manifest:
        """Writes what goes with the shards."""
        state = self._work.state
        lengths = self._folder / LENGTHS
        with write_atomically(lengths) as stream:
            pairs = sum(packed.shard.pairs for packed in state.packed)
            head = {"descr": LENGTH.str, "fortran_order": False, "shape": (pairs, 2)}
            np.lib.format.write_array_header_1_0(stream, head)
            for number in range(state.buckets):
                with open(self._work.lengths(number), "rb") as part:
                    shutil.copyfileobj(part, stream)
        manifest = Manifest(
            format=FORMAT,
            settings=shaping_settings(self._config),
            seed=self._config.training.seed,
            vocabulary=file_sha256(self._folder / SUBWORDS),
            vocabulary_size=self._subwords.size,
            texts=list(self._texts.values()),
            counts=self._counts(),
            lengths=file_sha256(lengths),
            shards=[packed.shard for packed in state.packed],
        )
        with write_atomically(self._folder / MANIFEST) as stream:
            stream.write(manifest.to_json())
        flush_tree(self._folder)
        return manifest

    def _counts(self) -> CorpusCounts:
        """Of the text, with what became of it."""
        packed = self._work.state.packed
        return replace(
            self._work.state.counts,
            duplicates=sum(each.duplicates for each in packed),
            source_subwords=sum(each.source_subwords for each in packed),
            target_subwords=sum(each.target_subwords for each in packed),
        )


def _count_shards(texts: Iterable[TextFile]) -> int:
    sizes = (text.size * (UNPACKED if text.path.endswith(".gz") else 1) for text in texts)
    return min(MOST_SHARDS, math.ceil(sum(sizes) / TEXT_A_SHARD)) or 1


def _with_other_vocabulary(config: RunConfig) -> tuple[RunConfig, Subwords | None]:
    """Settings, and the vocabulary of `training.start_from` if that is kept."""
    training = config.training
    if training.start_from is None or training.start_vocabulary != "kept":
        return config, None
    # Only here: what opens a run needs TensorFlow, which takes seconds.
    from seq2seq.run_folder import RunFolder
    from seq2seq.training.starting_weights import check_symbols, with_vocabulary_of

    folder = RunFolder.open(training.start_from)
    subwords = folder.subwords()
    check_symbols(config, subwords)
    return with_vocabulary_of(folder.config(), config), subwords
