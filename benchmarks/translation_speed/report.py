"""From measurements to Markdown tables and JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version

from benchmarks.machine import processor_name
from benchmarks.spread import spread
from benchmarks.translation_speed.corpus import Corpus
from benchmarks.translation_speed.own_translation import Products
from benchmarks.translation_speed.turns import OWN, Measurement


def markdown(corpus: Corpus, measurements: Sequence[Measurement]) -> str:
    """What was measured on what, and a table for each mode, medians and ranges over rounds."""
    modes = list(dict.fromkeys(each.mode for each in measurements))
    tables = [_table(mode, [each for each in measurements if each.mode == mode]) for mode in modes]
    return "\n\n".join([_setting(corpus, measurements), *tables])


def as_dict(corpus: Corpus, measurements: Sequence[Measurement]) -> dict:
    """Every measurement, the machine and the network."""
    return {
        "processor": processor_name(),
        "tensorflow": version("tensorflow"),
        "run": str(corpus.run),
        "model": asdict(corpus.config.model),
        "vocabulary_size": corpus.subwords.size,
        "measurements": [
            {**asdict(each), "tokens_per_second": each.tokens_per_second} for each in measurements
        ],
    }


def _setting(corpus: Corpus, measurements: Sequence[Measurement]) -> str:
    model = corpus.config.model
    output = "of its own" if model.tied_embeddings == "none" else "the target embedding"
    parts = [
        f"One core of {processor_name()}, matrix products {_rates(measurements)}.",
        f"Embeddings of {model.embedding_size}, bidirectional encoder and decoder of {model.units}",
        f"units, general attention, {corpus.subwords.size} subwords, output layer {output}",
        "(peers: of their own).",
        f"{len(corpus.pairs)} sentences ({len(corpus.single_pairs)} one at a time).",
    ]
    products = (Products.of, Products.of_peers)
    own, peers = (each(model, corpus.subwords.size).target_token / 1e6 for each in products)
    parts.append(
        f"A token of one hypothesis takes {own:.1f} M multiply-adds here; {peers:.1f} M with the "
        "input feeding and the output layer of the peers."
    )
    steps = {each.toolkit: each.training_steps for each in measurements if each.training_steps}
    parts += [f"{toolkit}: trained for {count} steps only." for toolkit, count in steps.items()]
    least = min(each.processor_share for each in measurements)
    parts.append(f"Everybody had at least {least:.0%} of the CPU while timed.")
    parts.append("Medians and ranges over rounds; loading and tracing are outside the clock.")
    return " ".join(parts)


def _rates(measurements: Sequence[Measurement]) -> str:
    texts = []
    for precision in ("float32", "bfloat16"):
        rates = [each.machine_rates.get(precision, 0.0) for each in measurements]
        if measured := [2 * rate / 1e9 for rate in rates if rate]:
            texts.append(f"{precision} {spread(measured, 0)} GFLOP/s")
    return ", ".join(texts)


def _table(mode: str, measurements: list[Measurement]) -> str:
    peers = list(dict.fromkeys(each.toolkit for each in measurements if each.toolkit != OWN))
    head = [mode, "output tokens/s", "sentences/s", *(f"times {peer}" for peer in peers)]
    head += ["BLEU", "share of the matrix-product rate"]
    rows = [head, ["---"] * len(head)]
    for toolkit, variant in dict.fromkeys((each.toolkit, each.variant) for each in measurements):
        own = [each for each in measurements if (each.toolkit, each.variant) == (toolkit, variant)]
        ratios = [_ratios(own, measurements, peer) if toolkit == OWN else "" for peer in peers]
        tokens = spread([each.tokens_per_second for each in own], 0)
        sentences = spread([each.sentences_per_second for each in own], 1)
        shares = [100 * each.share for each in own if each.share is not None]
        share = f"{spread(shares, 0)} %" if shares else ""
        bleu = f"{own[-1].bleu:.2f}"
        rows.append([f"{toolkit}, {variant}", tokens, sentences, *ratios, bleu, share])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _ratios(own: list[Measurement], everybody: list[Measurement], peer: str) -> str:
    """Tokens a second over the peer's, round by round."""
    theirs = {each.round: each.tokens_per_second for each in everybody if each.toolkit == peer}
    return spread([each.tokens_per_second / theirs[each.round] for each in own], 2)
