"""A trained translator in memory: text in, text out."""

import copy
import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

from seq2seq.config.languages import UNKNOWN, Languages, LanguageTags
from seq2seq.config.mistakes import printable
from seq2seq.config.sections import DecodingConfig
from seq2seq.data.shortlist import Shortlist
from seq2seq.data.source_words import SourceWords, UnseenTally
from seq2seq.data.subwords import EOS, Subwords
from seq2seq.errors import ConfigError
from seq2seq.models.translator import Translator
from seq2seq.translation.alignment import Alignment
from seq2seq.translation.batch_search import BatchSearch, Translation, score_pairs
from seq2seq.translation.glossary import Glossary
from seq2seq.translation.graph_prefixes import GraphPrefixes
from seq2seq.translation.line_translator import WINDOW, LineTranslator, joined
from seq2seq.translation.minimum_risk import MinimumRisk
from seq2seq.translation.saving import Origin, save_run
from seq2seq.translation.search import Search, make_engine, make_scorer, make_search
from seq2seq.translation.shortlist_mask import GraphShortlist


@dataclass(frozen=True)
class Parts:
    """What a translator is made of: the networks vote, if there are several."""

    subwords: Subwords
    networks: Sequence[Translator]
    shortlist: Shortlist | None = None
    languages: Languages = UNKNOWN
    source_words: SourceWords | None = None  # of the training
    origin: Origin | None = None  # what a run folder needs beside them
    tags: LanguageTags | None = None  # before each source, if training had them


class TextTranslator:
    """A trained translator; made by `seq2seq.load`, or by `seq2seq.build` to be trained.

    Weights may be changed through `network`, by Keras's `fit` or by hand: whatever is asked
    afterwards is answered from the new ones.

    Args:
        parts: vocabulary and networks, with trained weights.
        decoding: how to search.
        threads: batches searched at once.
    """

    def __init__(self, parts: Parts, decoding: DecodingConfig, threads: int = 1) -> None:
        self.subwords = parts.subwords
        self.languages = parts.languages
        self.source_words = parts.source_words
        self._parts = parts
        self.tags = parts.tags
        self.glossary: Glossary | None = None
        # A digest of the weights, once others can change them; copies of this translator share it.
        self._seen: list[bytes] = []
        if all(each.layers.decoder.config.attention == "none" for each in parts.networks):
            # Nothing is covered: the penalty would be the same for all outputs, and hide from the
            # search that no other can be better.
            decoding = replace(decoding, coverage_penalty=0.0)
        self.decoding = decoding
        self._threads = threads
        self.engines = [
            make_engine(network, decoding, parts.subwords.unwritten) for network in parts.networks
        ]
        self.shortlist = GraphShortlist(parts.shortlist) if parts.shortlist else None
        self._searches: dict[tuple[bool, bool, bool], BatchSearch] = {}
        self._scorers: dict[bool, Search] = {}

    @functools.cached_property
    def prefixes(self) -> GraphPrefixes:
        """How the vocabulary forces the beginning of an output."""
        return GraphPrefixes(self.subwords)

    @property
    def network(self) -> Translator:
        """The network: of several that vote, the first; its `training` is a `keras.Model`.

        From the first look on, the weights are compared at each call, which takes some
        milliseconds for each million of them.
        """
        if not self._seen:
            self._seen.append(self._digest())
        return self._parts.networks[0]

    @property
    def target_languages(self) -> tuple[str, ...]:
        """Those that `into` takes."""
        return self.tags.known if self.tags else ()

    def into(self, language: str) -> "TextTranslator":
        """This translator with another target language, of a run with `data.language_tags`.

        A text that begins with a tag, such as `<2fr>`, is translated into that language anyway.

        Args:
            language: as the training names it, e.g. "fr".

        Raises:
            ConfigError: the run does not write that language.
        """
        if self.tags is None:
            raise ConfigError(
                f"the run writes one language alone (got {printable(language)}); for several, "
                "train with data.language_tags"
            )
        other = copy.copy(self)  # of the same networks and searches
        other.tags = self.tags.into(language)
        other.languages = Languages(self.languages.source, language)
        if self.decoding.mbr != "none":
            other._searches = {}  # those here choose by the words of another language
        return other

    def with_glossary(self, glossary: Glossary | Mapping[str, str]) -> "TextTranslator":
        """This translator with terms whose translations have to be used.

        Wherever a text has a term as whole words, its translation contains the other one, subword
        for subword; endings may follow it. The beam finds a place for it (lexically constrained
        search), at some cost in time.

        Args:
            glossary: target terms by source terms.

        Raises:
            DataError: a term is blank, or there is none.
            ConfigError: the translator searches greedily, samples, or blocks repeated n-grams.
        """
        self.check_takes_terms()
        other = copy.copy(self)  # of the same networks and searches
        other.glossary = glossary if isinstance(glossary, Glossary) else Glossary(glossary)
        return other

    def check_takes_terms(self) -> None:
        """Looks that the search can place terms.

        Raises:
            ConfigError: it cannot.
        """
        if not self.decoding.takes_terms:
            raise ConfigError(
                "a glossary needs beam search; set beam_width to 2 or more (better 5 or more), "
                "without sampling and blocked_ngram"
            )

    def _terms(self, text: str) -> list[list[int]]:
        """What the translation of a text has to contain."""
        targets = self.glossary.targets(text) if self.glossary else []
        return self.subwords.encode_known(targets)

    def read(self, text: str) -> str:
        """A source as the network reads it: behind the tag of a language, if it reads tags."""
        return self.tags.before(text) if self.tags else text

    def save(self, run: str | Path) -> None:
        """Writes the weights, as they are now, into a run folder, as its best ones.

        Args:
            run: a folder of this network and vocabulary, whose weights are replaced and whose
                scores go, or a new one.

        Raises:
            RunError: there is another run, or something else.
            ValueError: the translator is of several networks, or of no run.
        """
        if len(self._parts.networks) > 1 or self._parts.origin is None:
            raise ValueError("only a translator of one network of a run can be saved")
        parts = self._parts
        save_run(
            Path(run),
            self._parts.origin,
            self.subwords,
            parts.networks[0],
            parts.shortlist,
            parts.source_words,
        )

    def refresh(self) -> None:
        """Takes the networks' weights over as they are now."""
        for engine in self.engines:
            engine.refresh()

    def take_changes_over(self) -> None:
        """Refreshes if somebody who was given the network has changed it."""
        if self._seen and self._seen != (found := [self._digest()]):
            self._seen[:] = found
            self.refresh()

    def _digest(self) -> bytes:
        digest = hashlib.blake2b(digest_size=16)
        for network in self._parts.networks:
            for weight in network.training.weights:
                digest.update(np.ascontiguousarray(keras.ops.convert_to_numpy(weight)).data)
        return digest.digest()

    def translate(
        self, texts: Sequence[str], prefix: str | Sequence[str] | None = None
    ) -> list[str]:
        """A translation for each text, in order; a blank text gives "".

        Args:
            texts: what to translate.
            prefix: what each translation begins with, or one for each text; the rest is searched.
                A prefix may end inside a word; one that ends in white space ends its last word.

        Raises:
            TypeError: `texts` is a single string.
            ValueError: not as many prefixes as texts.
            DataError: a prefix is longer than the translation may be.
        """
        if isinstance(texts, str):
            raise TypeError(
                "translate takes a list of texts, e.g. translate([text]); got one string"
            )
        windows = (texts[first : first + WINDOW] for first in range(0, len(texts), WINDOW))
        prefixes = _one_each(prefix, len(texts))
        lines = self.line_translator(prefixed=prefixes is not None)
        found = lines(windows, prefixes=iter(prefixes) if prefixes else None)
        return [joined(each, self.subwords)[0].text for window in found for each in window]

    def unseen_words(self, text: str) -> list[str]:
        """The words of a text that no source sentence of the training had, each once, in order.

        Of several networks the first one's training counts. A run that does not know its training's
        words (version 0.1's, or one still in training) gives none. In scripts without spaces each
        letter is a word.
        """
        if self.source_words is None:
            return []
        return UnseenTally(self.source_words).add(self.subwords.decode(self.subwords.encode(text)))

    def search(
        self,
        texts: Sequence[str],
        prefix: str | Sequence[str] | None = None,
        terms: Sequence[Sequence[str]] | None = None,
    ) -> list[list[Translation]]:
        """The outputs for each text as numbers, best first; texts are not split.

        Args:
            texts: what to translate.
            prefix: as in `translate`, and so are the errors.
            terms: what every output of each text contains, in place of a glossary's terms.

        Raises:
            ConfigError: there are terms, and the translator searches greedily or samples.
        """
        encoded = self.subwords.encode_all([self.read(text) for text in texts])
        prefixes = _one_each(prefix, len(texts))
        forced = self.prefixes.of_texts(prefixes) if prefixes else None
        wanted = None
        if terms is not None:
            self.check_takes_terms()
            wanted = [self.subwords.encode_known(each) for each in terms]
        elif self.glossary:
            wanted = [self._terms(text) for text in texts]
        search = self.batch_search(prefixed=forced is not None, constrained=wanted is not None)
        return search(encoded, [(number, 0) for number in range(len(texts))], forced, wanted)

    def score(self, sources: Sequence[str], targets: Sequence[str]) -> list[Translation]:
        """What the network gives to targets that are there already, in order.

        Raises:
            ValueError: not as many targets as sources.
        """
        read = [self.read(source) for source in sources]
        pairs = zip(self.subwords.encode_all(read), self.subwords.encode_all(targets), strict=True)
        return self.score_ids([([*source, EOS], [*target, EOS]) for source, target in pairs])

    def score_ids(
        self, pairs: Sequence[tuple[list[int], list[int]]], keep_attention: bool = False
    ) -> list[Translation]:
        """`score` of ids, sources and targets with EOS; over the whole vocabulary."""
        self.take_changes_over()
        return score_pairs(self._scorer(keep_attention), pairs, self.decoding.batch_tokens)

    def _scorer(self, keep_attention: bool) -> Search:
        if keep_attention not in self._scorers:
            self._scorers[keep_attention] = make_scorer(self.engines, self.decoding, keep_attention)
        return self._scorers[keep_attention]

    def align(self, text: str) -> Alignment:
        """The best translation of one text with its attention weights.

        Raises:
            ValueError: the text has no words.
        """
        search = self.batch_search(keep_attention=True)
        terms = [self._terms(text)] if self.glossary else None
        outputs = search([self.subwords.encode(self.read(text))], [(0, 0)], terms=terms)[0]
        if not outputs:
            raise ValueError("there is nothing to translate in a blank text")
        return Alignment.of(outputs[0], self.subwords)

    def batch_search(
        self,
        keep_attention: bool = False,
        prefixed: bool = False,
        constrained: bool | None = None,
    ) -> BatchSearch:
        """The search of encoded sentences, which is traced at its first use.

        Args:
            keep_attention: whether its outputs have attention weights.
            prefixed: whether it takes prefixes; it has to be given some then.
            constrained: likewise terms; None: if there is a glossary.
        """
        self.take_changes_over()
        if constrained is None:
            constrained = self.glossary is not None
        kind = (keep_attention, prefixed, constrained)
        if kind not in self._searches:
            ranks = self.prefixes.ranks if prefixed else None
            config = self.decoding.searched
            search = make_search(
                self.engines, config, keep_attention, self.shortlist, ranks, kind[2]
            )
            choose = None
            if self.decoding.mbr != "none":
                choose = MinimumRisk(self.decoding, self.subwords, self.languages.target)
            self._searches[kind] = BatchSearch(search, config, self._threads, choose)
        return self._searches[kind]

    def line_translator(
        self, keep_attention: bool = False, prefixed: bool = False
    ) -> LineTranslator:
        """A translator of windows of lines, which counts what it splits; see `batch_search`."""
        search = self.batch_search(keep_attention, prefixed)
        prefixes = self.prefixes.of_texts if prefixed else None
        longest = self.decoding.longest_source
        terms = self._terms if self.glossary else None
        return LineTranslator(self.subwords, search, longest, prefixes, self.tags, terms)


def _one_each(prefix: str | Sequence[str] | None, count: int) -> list[str] | None:
    """A prefix for each text; None if there is nothing to force."""
    prefixes = [prefix] * count if isinstance(prefix, str) else list(prefix or [""] * count)
    if len(prefixes) != count:
        raise ValueError(f"{len(prefixes)} prefixes for {count} texts; give one, or one for each")
    return prefixes if any(each.strip() for each in prefixes) else None
