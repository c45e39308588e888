"""Open run folders as a translator: text in, text out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seq2seq.config.loading import with_decoding
from seq2seq.config.sections import RunConfig
from seq2seq.data.shortlist import Shortlist
from seq2seq.data.subwords import Subwords
from seq2seq.errors import RunError
from seq2seq.manifest import manifest_text
from seq2seq.models.translator import Translator
from seq2seq.models.weight_files import load_weights
from seq2seq.run_folder import RunFolder
from seq2seq.translation.saving import Origin
from seq2seq.translation.search import network
from seq2seq.translation.text_translator import Parts, TextTranslator


@dataclass(frozen=True)
class LoadedRun:
    """What a run folder translates by; the folder was opened, and compared with its hashes, once.

    Attributes:
        folder: as it was opened.
        config: its settings, with the decoding settings that were asked for.
        subwords: its vocabulary.
        network: with its best weights.
        shortlist: if the settings ask for it.
    """

    folder: RunFolder
    config: RunConfig
    subwords: Subwords
    network: Translator
    shortlist: Shortlist | None

    def translator(self, others: Sequence[Translator] = (), threads: int = 1) -> TextTranslator:
        """Text in, text out.

        Args:
            others: networks of the same vocabulary that vote with the run's.
            threads: batches searched at once.
        """
        networks = [self.network, *others]
        languages = self.config.data.languages
        origin = Origin(self.config, self.folder.manifest["trained_on"])
        words = self.folder.source_words()
        tags = self.config.data.tags
        parts = Parts(self.subwords, networks, self.shortlist, languages, words, origin, tags)
        return TextTranslator(parts, self.config.decoding, threads)


def load_translator(
    run: Path,
    settings: Mapping[str, Any] | None = None,
    ensemble: Sequence[Path] = (),
    threads: int = 1,
) -> TextTranslator:
    """Opens a run folder with its best weights.

    Args:
        run: the folder; its settings say how to search.
        settings: decoding settings in place of the run's.
        ensemble: more folders with the same vocabulary, whose networks vote with the first's.
        threads: batches searched at once.

    Raises:
        ConfigError: a setting that does not exist or is out of range.
        RunError: no run, an altered file, no weights yet, or another vocabulary.
    """
    first, *others = (load_run(Path(path), lambda _: settings or {}) for path in (run, *ensemble))
    for path, other in zip(ensemble, others, strict=True):
        if other.subwords.model != first.subwords.model:
            raise RunError(
                f"{path} has another vocabulary than {run}; networks vote over one vocabulary: "
                "train both on the same text and subwords settings, e.g. with two training.seed"
            )
    return first.translator([other.network for other in others], threads)


def load_run(run: Path, settings: Callable[[RunConfig], Mapping[str, Any]]) -> LoadedRun:
    """Opens a run folder with its best weights, also while it is being trained.

    Args:
        run: the folder.
        settings: gives decoding settings in place of the run's, which it is called with.

    Raises:
        ConfigError: a setting that does not exist or is out of range.
        RunError: no run, an altered file, no weights yet, or no shortlist.
    """
    before = manifest_text(run)
    try:
        return _load(run, settings)
    except (RunError, OSError):
        if manifest_text(run) == before:
            raise
        return _load(run, settings)  # a training saved in between, and took old weights away


def _load(run: Path, settings: Callable[[RunConfig], Mapping[str, Any]]) -> LoadedRun:
    folder = RunFolder.open(run)
    weights = folder.weights("best")
    if not weights:
        raise RunError(f"{run} has no trained weights yet; run `seq2seq train` again to go on")
    own, subwords = folder.config(), folder.subwords()
    config = with_decoding(own, settings(own))
    translator = network(config, subwords.size)
    load_weights(translator.training, weights)
    shortlist = _shortlist(folder) if config.decoding.shortlist else None
    return LoadedRun(folder, config, subwords, translator, shortlist)


def _shortlist(folder: RunFolder) -> Shortlist:
    found = folder.shortlist()
    if found is None:
        raise RunError(
            f"{folder.path} has no vocabulary shortlist; `seq2seq train` on it adds one, "
            "from its training files"
        )
    return found
