"""Write the miniature corpus: 9,000 English-German pairs from a grammar, learnt in minutes."""

import argparse

from data_prep.arguments import add_output
from data_prep.corpus_folder import describe_corpus, open_corpus
from data_prep.miniature.corpus import DEFAULT_SEED, make_corpus

LANGUAGES = ("en", "de")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the verb `miniature`."""
    parser = subparsers.add_parser("miniature", help=__doc__, description=__doc__)
    add_output(parser)
    parser.add_argument(
        "--seed",
        type=int,
        default=DEFAULT_SEED,
        metavar="N",
        help="another seed gives other sentences; default %(default)s",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> str:
    """Writes the corpus and says what was written."""
    corpus = make_corpus(options.seed)
    with open_corpus(options.output, list(corpus), LANGUAGES, options.replace) as writer:
        for split, pairs in corpus.items():
            for source, target in pairs:
                writer.add(split, source, target)
    return describe_corpus(options.output, LANGUAGES, writer.counts)
