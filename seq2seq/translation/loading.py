"""Open run folders as a translator: text in, text out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seq2seq.config.loading import as_settings, check_settings
from seq2seq.config.sections import RunConfig
from seq2seq.data.shortlist import Shortlist
from seq2seq.data.subwords import Subwords
from seq2seq.errors import RunError
from seq2seq.manifest import manifest_text
from seq2seq.models.translator import Translator
from seq2seq.models.weight_files import load_weights
from seq2seq.run_folder import RunFolder
from seq2seq.translation.search import network
from seq2seq.translation.text_translator import Parts, TextTranslator


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
    first, config, subwords = _while_it_may_change(Path(run), settings or {})
    networks, shortlist = [first], None
    if config.decoding.shortlist:
        shortlist = _shortlist(RunFolder.open(Path(run)))
    for path in ensemble:
        other, _, other_subwords = _while_it_may_change(Path(path), settings or {})
        if other_subwords.model != subwords.model:
            raise RunError(
                f"{path} has another vocabulary than {run}; networks vote over one vocabulary: "
                "train both on the same text and subwords settings, e.g. with two training.seed"
            )
        networks.append(other)
    return TextTranslator(Parts(subwords, networks, shortlist), config.decoding, threads)


def with_decoding(config: RunConfig, settings: Mapping[str, Any]) -> RunConfig:
    """A run's settings with other decoding settings.

    Raises:
        ConfigError: names every mistake.
    """
    changed = as_settings(config)
    changed["decoding"] = {**changed["decoding"], **settings}
    return check_settings(changed, "decoding settings")


def _while_it_may_change(
    run: Path, settings: Mapping[str, Any]
) -> tuple[Translator, RunConfig, Subwords]:
    before = manifest_text(run)
    try:
        return _load(run, settings)
    except (RunError, OSError):
        if manifest_text(run) == before:
            raise
        return _load(run, settings)  # a training saved in between, and took old weights away


def _load(run: Path, settings: Mapping[str, Any]) -> tuple[Translator, RunConfig, Subwords]:
    folder = RunFolder.open(run)
    weights = folder.weights("best")
    if not weights:
        raise RunError(f"{run} has no trained weights yet; run `seq2seq train` again to go on")
    config, subwords = with_decoding(folder.config(), settings), folder.subwords()
    translator = network(config, subwords.size)
    load_weights(translator.training, weights)
    return translator, config, subwords


def _shortlist(folder: RunFolder) -> Shortlist:
    found = folder.shortlist()
    if found is None:
        raise RunError(
            f"{folder.path} has no vocabulary shortlist; `seq2seq train` on it adds one, "
            "from its training files"
        )
    return found
