"""What terms that have to be in an output cost: words of the reference, drawn at random.

`python -m benchmarks.quality.constrained_search RUN SOURCE REFERENCE` prints, for 0 to 4 words a
sentence, the share of these words that are in the outputs, BLEU, and processor time; then the same
for words of another sentence's reference, which have nothing to do with the source. Post and Vilar
2018, https://aclanthology.org/N18-1119, section 5.1, do the former with subwords.
"""

import argparse
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seq2seq.data.source_words import words_of
from seq2seq.translation.quiet import load_tensorflow

if TYPE_CHECKING:
    from seq2seq.translation.text_translator import TextTranslator

COUNTS = (0, 1, 2, 3, 4)  # words a sentence


def main() -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("source", type=Path, metavar="SOURCE")
    parser.add_argument("reference", type=Path, metavar="REFERENCE")
    parser.add_argument("--beam", type=int, default=10, help="hypotheses; 10 as the paper has")
    parser.add_argument("--lines", type=int, default=1000, help="of the files, from the first")
    parser.add_argument("--seed", type=int, default=1, help="of the words")
    arguments = parser.parse_args()
    load_tensorflow()
    half = " there without | there | BLEU | processor time |"
    print(f"| words of the own reference |{half} of another's:{half}\n{'|---:' * 9}|")
    for row in rows(arguments):
        print(f"| {' | '.join(row)} |", flush=True)


def rows(arguments: argparse.Namespace) -> Iterator[tuple[str, ...]]:
    """A row for each number of words: of the own reference, and of another sentence's."""
    from seq2seq.scoring.scores import corpus_bleu
    from seq2seq.training.corpus import read_parallel
    from seq2seq.translation.loading import load_translator

    texts = read_parallel(arguments.source, arguments.reference)
    sources, references = (side[: arguments.lines] for side in texts)
    translator = load_translator(arguments.run, {"beam_width": arguments.beam})
    before = translator.translate(sources)
    for count in COUNTS:
        row = [str(count)]
        own = drawn_words(references, count, arguments.seed)
        for wanted in (own, own[1:] + own[:1]):
            outputs, seconds = constrained(translator, sources, wanted)
            bleu = corpus_bleu(outputs, references, translator.languages.target)
            shares = (f"{share(each, wanted):.1%}" for each in (before, outputs))
            row += [*(shares if count else ("", "")), f"{bleu:.2f}", f"{seconds:.1f} s"]
        yield tuple(row)


def constrained(
    translator: "TextTranslator", sources: Sequence[str], wanted: Sequence[Sequence[str]]
) -> tuple[list[str], float]:
    """Translations that have the words, and the processor time they took, in seconds."""
    subwords = translator.subwords
    search = translator.with_glossary({"term": "term"}).batch_search()  # its terms are given here
    encoded = subwords.encode_all([translator.read(source) for source in sources])
    numbers = [(number, 0) for number in range(len(sources))]
    terms = [subwords.encode_all(words) for words in wanted]
    search(encoded[:50], numbers[:50], terms=terms[:50])  # traced
    began = time.process_time()
    found = search(encoded, numbers, terms=terms)
    seconds = time.process_time() - began
    return [subwords.decode(each[0].ids) if each else "" for each in found], seconds


def drawn_words(texts: Sequence[str], count: int, seed: int) -> list[list[str]]:
    """Different words of each text, as many as asked for or as there are.

    >>> drawn_words(["ein Hund", "Hunde"], 2, seed=1)[1]
    ['Hunde']
    """
    draw = random.Random(seed)
    found = []
    for text in texts:
        words = list(dict.fromkeys(words_of(text)))
        found.append(draw.sample(words, min(count, len(words))))
    return found


def share(outputs: Sequence[str], wanted: Sequence[Sequence[str]]) -> float:
    """Of the words that are words of their outputs.

    >>> share(["eine Blume"], [["eine", "ein"]])
    0.5
    """
    there = []
    for output, words in zip(outputs, wanted, strict=True):
        has = set(words_of(output))
        there += [word in has for word in words]
    return sum(there) / max(1, len(there))


if __name__ == "__main__":
    main()
