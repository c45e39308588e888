"""What `seq2seq translate` tells of a line beside its text."""

from seq2seq.config.sections import DecodingConfig
from seq2seq.data.output_formats import LineReport, PartReport
from seq2seq.data.subwords import Subwords
from seq2seq.scoring.quality_flags import flags
from seq2seq.translation.batch_search import Translation
from seq2seq.translation.engine import output_limit
from seq2seq.translation.line_translator import LineTranslation, joined


def report(
    number: int, line: LineTranslation, subwords: Subwords, config: DecodingConfig, details: bool
) -> LineReport:
    """The translation of line `number` (from 1), with what is needed for JSON if `details`."""
    outputs = joined(line, subwords)
    if not details:
        return LineReport(number, outputs)
    best = [part.outputs[0] for part in line.parts]
    found = [flag for output in best for flag in _flags(output, subwords, config)]
    return LineReport(
        number, outputs, parts=[_part(output, subwords) for output in best], flags=found
    )


def _part(output: Translation, subwords: Subwords) -> PartReport:
    return PartReport(
        source_tokens=subwords.pieces(output.source_ids),
        tokens=subwords.pieces(output.ids),
        token_log_probabilities=output.token_log_probabilities.tolist(),
        attention=output.attention.tolist(),
    )


def _flags(
    output: Translation, subwords: Subwords, config: DecodingConfig
) -> list[tuple[str, str]]:
    found = flags(
        subwords.pieces(output.source_ids),
        subwords.pieces(output.ids),
        output.attention,
        ended=len(output.ids) < output_limit(len(output.source_ids), config),
    )
    return [(flag.kind, flag.detail) for flag in found]
