"""Sentences through a model: translations, alternatives, and tags where the network looked."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from seq2seq.config.serving import BatchingConfig
from seq2seq.serving.saved_model.tensors import DEFAULT_SIGNATURE, STRING, Arrays, as_array
from seq2seq.serving.server.batching import Batcher
from seq2seq.serving.server.libretranslate.markup import Sentence
from seq2seq.serving.server.libretranslate.placement import (
    Alignment,
    spans_of_subwords,
    with_tags,
)
from seq2seq.serving.server.row_blocks import join_rows
from seq2seq.serving.server.servable import ServedModel

SEVERAL, ALIGNED = "translate_nbest", "align"  # signatures, beside the default one
LENGTHS = ("source_length", "length")


@dataclass(frozen=True)
class SentenceSearch:
    """A model for one request.

    Of however many sentences it has, no more are in the queue at a time than a request to the model
    may have rows.
    """

    model: ServedModel
    batcher: Batcher
    config: BatchingConfig

    async def translations(self, sentences: Sequence[Sentence], count: int) -> list[list[str]]:
        """Up to `count` translations of each sentence, best first: one if the model has no more."""
        texts = [each.text for each in sentences]
        if count == 1 or SEVERAL not in self.model.signatures:
            return [[each] for each in await self._best(texts)]
        outputs = await self._ask(SEVERAL, texts)
        return [_decoded(row[:count]) for row in outputs["translations"]] if texts else []

    async def markup(self, sentences: Sequence[Sentence]) -> list[str]:
        """The translation of each sentence with its tags."""
        tagged = [number for number, each in enumerate(sentences) if each.elements]
        found = await self._aligned({number: sentences[number].text for number in tagged})
        others = [number for number in range(len(sentences)) if number not in found]
        best = await self._best([sentences[number].text for number in others])
        found |= {number: (each, None) for number, each in zip(others, best, strict=True)}

        def write() -> list[str]:
            return [with_tags(each, *found[number]) for number, each in enumerate(sentences)]

        return await asyncio.to_thread(write)

    async def _aligned(self, texts: dict[int, str]) -> dict[int, tuple[str, Alignment | None]]:
        """Translations with alignments, by number, where those are about the whole text."""
        if not texts or ALIGNED not in self.model.signatures:
            return {}
        found: dict[int, tuple[str, Alignment | None]] = {}
        left = iter(texts.items())
        async for outputs in self._blocks(
            ALIGNED, list(texts.values())
        ):  # all are too much at once
            block = dict(islice(left, len(outputs["translation"])))
            found |= await asyncio.to_thread(_read_alignments, outputs, block)
        return found

    async def _best(self, texts: Sequence[str]) -> list[str]:
        outputs = await self._ask(DEFAULT_SIGNATURE, texts)
        return _decoded(next(iter(outputs.values()))) if texts else []

    async def _ask(self, signature: str, texts: Sequence[str]) -> Arrays:
        """The outputs of one signature; nothing for no texts."""
        blocks = [block async for block in self._blocks(signature, texts)]
        return join_rows(blocks) if blocks else {}

    async def _blocks(self, signature: str, texts: Sequence[str]) -> AsyncIterator[Arrays]:
        """The same, of as many texts at a time as a request may have."""
        for start in range(0, len(texts), self.config.max_rows):
            block = as_array(texts[start : start + self.config.max_rows], STRING)
            yield await self.batcher.predict(self.model, signature, {"text": block})


def _decoded(strings: np.ndarray) -> list[str]:
    return [each.decode(errors="replace") for each in strings]


def _read_alignments(
    outputs: Arrays, texts: dict[int, str]
) -> dict[int, tuple[str, Alignment | None]]:
    found: dict[int, tuple[str, Alignment | None]] = {}
    for row, (number, text) in enumerate(texts.items()):
        read, written = (max(int(outputs[name][row]) - 1, 0) for name in LENGTHS)  # without EOS
        source = _decoded(outputs["source_tokens"][row][:read])
        target = _decoded(outputs["tokens"][row][:written])
        if spans_of_subwords(text, source) is not None:
            weights = outputs["alignment"][row][:written, :read].copy()  # others' padding goes
            translation = outputs["translation"][row].decode(errors="replace")
            found[number] = translation, Alignment(source, target, weights)
    return found
