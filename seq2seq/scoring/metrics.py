"""The metrics, counted as the language of the text needs: sacreBLEU's, and those of edits.

Post 2018, https://aclanthology.org/W18-6319; its README says which tokenizer a language takes.
"""

from collections.abc import Sequence
from typing import cast

from sacrebleu.metrics import BLEU, CHRF, TER

from seq2seq.config.languages import is_unspaced, primary
from seq2seq.errors import ConfigError, install_extra
from seq2seq.scoring.edit_metrics import EditMetric

Metric = BLEU | CHRF | TER | EditMetric

NAMES = {  # as settings and options have them, and as they are shown
    "bleu": "BLEU",
    "chrf": "chrF",
    "chrf++": "chrF++",
    "ter": "TER",
    "exact_match": "exact match",
    "wer": "WER",
    "cer": "CER",
    "edit_distance": "edit distance",
    "symbol_edit_distance": "symbol edit distance",
}
USUAL = ("bleu", "chrf", "ter")
LOWER_IS_BETTER = ("TER", "WER", "CER", "edit distance", "symbol edit distance")

TOKENIZERS = {"zh": "zh", "yue": "zh", "ja": "ja-mecab", "ko": "ko-mecab"}
EXTRAS = ("ja", "ko")
SPLIT_BY_TER = ("zh", "yue", "ja")  # scripts whose characters TER can take for words


def bleu(language: str | None, of_sentences: bool = False) -> BLEU:
    """BLEU of words as they are found in the language.

    Chinese is cut by character, Japanese and Korean by MeCab, other languages without spaces by
    character, and all others, also unknown ones, by rules for Western text (13a).

    Args:
        language: BCP 47 tag of the translations.
        of_sentences: of one at a time, where n-grams that are longer than it do not count.

    Raises:
        ConfigError: MeCab is not installed.
    """
    name = primary(language) if language else ""
    tokenizer = TOKENIZERS.get(name) or ("char" if name and is_unspaced(name) else "13a")
    try:
        # force: no warning about spaces before stops
        return BLEU(tokenize=tokenizer, force=True, effective_order=of_sentences)
    except RuntimeError as error:
        if name not in EXTRAS:
            raise
        raise ConfigError(
            f"BLEU of this language (data.target_language: {language}) is counted in words that "
            f"MeCab finds; `{install_extra(name)}` installs it, and "
            "data.target_language: und counts as if spaces parted the words"
        ) from error


def ter(language: str | None) -> TER:
    """TER, which takes each character of Chinese and Japanese for a word."""
    splits = language is not None and primary(language) in SPLIT_BY_TER
    return TER(normalized=splits, asian_support=splits)


def metrics(language: str | None, names: Sequence[str] = USUAL) -> dict[str, Metric]:
    """Metrics by the names that they are shown with.

    Args:
        language: BCP 47 tag of the translations.
        names: which, of `NAMES`.

    Raises:
        ConfigError: see `bleu`.
    """
    return {NAMES[name]: _metric(name, language) for name in names}


def without_blanks(others: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    """References after the first as sacreBLEU takes them: None where a line has no other."""
    found = [[line if line.strip() else None for line in each] for each in others]
    return cast(list[Sequence[str]], found)  # sacreBLEU's types do not know its None


def _metric(name: str, language: str | None) -> Metric:
    if name == "bleu":
        return bleu(language)
    if name == "ter":
        return ter(language)
    if name.startswith("chrf"):
        return CHRF(word_order=2 if name == "chrf++" else 0)
    return EditMetric(NAMES[name])
