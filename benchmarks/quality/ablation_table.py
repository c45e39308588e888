"""An ablation's table, for readers and for programs."""

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict, fields

from benchmarks.quality.ablation_variant import Result
from benchmarks.quality.variations import Variant


def markdown(results: dict[Variant, Result | str]) -> str:
    """The table; a text in place of a result says why there is none."""
    settings = _settings(results)
    headings = ["settings", *settings]
    headings += ["BLEU", "perplexity", "with other sources"]
    headings += ["parameters", "steps", "training tokens/s"]
    headings += ["greedy sentences/s", "beam sentences/s", "seconds", "time a step"]
    lines = [f"| {' | '.join(headings)} |", f"|{'---|' * len(headings)}"]
    for variant, result in results.items():
        chosen = dict(variant.choices)
        cells = [variant.config.stem, *(chosen.get(setting, "") for setting in settings)]
        if isinstance(result, str):
            cells += [result] + [""] * (len(headings) - len(cells) - 1)
        else:
            cells += [
                f"{result.bleu:.2f} ± {result.bleu_interval:.2f}",
                f"{result.perplexity:.2f}",
                f"{result.wrong_source_perplexity:.0f}",
                f"{result.parameters:,}",
                f"{result.steps:,}",
                f"{result.training_tokens_per_second:,.0f}",
                f"{result.greedy_sentences_per_second:,.0f}",
                f"{result.beam_sentences_per_second:,.0f}",
                f"{result.training_seconds:,.0f}",
                _time_ratio(variant, results),
            ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _time_ratio(variant: Variant, results: dict[Variant, Result | str]) -> str:
    """Of a step, validations among them, to that of the file as it is."""
    own, plain = (results.get(each) for each in (variant, Variant(variant.config, ())))
    if not isinstance(own, Result) or not isinstance(plain, Result):
        return ""
    return f"{own.training_seconds / own.steps * plain.steps / plain.training_seconds:.2f}"


def comma_separated(results: dict[Variant, Result | str]) -> str:
    """The same with every figure, for programs."""
    measured = [field.name for field in fields(Result)]
    text = io.StringIO()
    names = ["settings", *_settings(results), *measured, "refused"]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    for variant, result in results.items():
        found = {"refused": result} if isinstance(result, str) else asdict(result)
        writer.writerow({"settings": variant.config.stem, **dict(variant.choices), **found})
    return text.getvalue()


def _settings(variants: Iterable[Variant]) -> list[str]:
    """All that any of them varies; a variant's cell is empty where it is as in its file."""
    return list(dict.fromkeys(setting for each in variants for setting, _ in each.choices))
