"""What rounding a portable model's weights costs: changed translations, and BLEU.

Both models translate the run's validation text. Rounding changes some translations of any text,
most of them from one right one to another; how good they are tells whether it is too coarse.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from seq2seq.config.sections import RunConfig
from seq2seq.data.lines import read_pairs
from seq2seq.data.subwords import Subwords
from seq2seq.errors import DataError, ExportError
from seq2seq.scoring.scores import corpus_bleu
from seq2seq.serving.portable.parity import PortableSearch
from seq2seq.translation.exported_translator import batch_search
from seq2seq.translation.line_translator import LineTranslator, joined

logger = logging.getLogger(__name__)

LINES = 1000
MOST_BLEU_LOST = 0.5


@dataclass(frozen=True)
class RoundingCost:
    """The comparison of a model before and after its weights were rounded."""

    lines: int
    changed_lines: int
    bleu: float  # of the model with rounded weights
    float32_bleu: float
    most_bleu_lost: float = MOST_BLEU_LOST


def cost_of_rounding(
    before: PortableSearch, after: PortableSearch, config: RunConfig, subwords: Subwords
) -> RoundingCost | None:
    """What rounding costs on up to `LINES` lines; None if the validation text is not there.

    Args:
        before: the model with float32 weights.
        after: the model with rounded ones.
        config: of the run.
        subwords: its vocabulary.

    Raises:
        ExportError: it costs more than `MOST_BLEU_LOST`.
    """
    try:
        pairs = read_pairs(config.data.validation_source, config.data.validation_target)
        sources, references = zip(*islice(pairs, LINES), strict=True)
    except (DataError, ValueError):  # missing, unreadable by now, or empty
        logger.warning("the run's validation text is not there: what rounding costs is not known")
        return None
    language = config.data.languages.target
    found = [_translated(each, sources, config, subwords) for each in (before, after)]
    float32_bleu, bleu = (corpus_bleu(each, references, language) for each in found)
    changed = sum(one != other for one, other in zip(*found, strict=True))
    if float32_bleu - bleu > MOST_BLEU_LOST:
        raise ExportError(
            f"rounded weights score {bleu:.2f} BLEU on the validation text and float32 "
            f"{float32_bleu:.2f}, which is more than {MOST_BLEU_LOST} less; export with --weights "
            "float32 or float16"
        )
    logger.info(
        "rounded weights change %d of %d translations of the validation text; BLEU %.2f, float32 "
        "%.2f (bound: %.1f less)",
        *(changed, len(sources), bleu, float32_bleu, MOST_BLEU_LOST),
    )
    return RoundingCost(len(sources), changed, round(bleu, 2), round(float32_bleu, 2))


def _translated(
    search: PortableSearch, sources: Sequence[str], config: RunConfig, subwords: Subwords
) -> list[str]:
    decoding = config.decoding
    translate = LineTranslator(subwords, batch_search(search, decoding), decoding.longest_source)
    return [joined(line, subwords)[0].text for window in translate([sources]) for line in window]
