"""Sentences to check an export with: the run's own evaluation text, or made of its vocabulary."""

import logging
from collections.abc import Iterator
from itertools import islice

import numpy as np

from seq2seq.config.sections import RunConfig
from seq2seq.data.lines import read_lines
from seq2seq.data.subwords import Subwords
from seq2seq.errors import DataError

logger = logging.getLogger(__name__)

MOST = 200
MOST_READ = 20_000  # lines of a file that are looked at
LONGEST_MADE = 20  # pieces


def example_texts(config: RunConfig, subwords: Subwords) -> list[str]:
    """Up to `MOST` different texts that are not blank and not too long for one search.

    They are taken from all over the validation text and the test text, as far as these are still
    where the run found them. A run folder that was moved alone gets random subwords instead.
    """
    longest = config.decoding.longest_source

    def fitting_of(texts: Iterator[str]) -> dict[str, None]:
        return dict.fromkeys(
            text for text in texts if 0 < len(subwords.encode(text)) <= longest and text.strip()
        )

    fitting = fitting_of(_evaluation_texts(config))
    if not fitting:
        logger.info("the run's validation and test text is not there; made-up text stands in")
        fitting = fitting_of(_made_texts(subwords))
    every = max(1, -(-len(fitting) // MOST))
    return list(fitting)[::every]


def _evaluation_texts(config: RunConfig) -> Iterator[str]:
    for path in (config.data.validation_source, config.data.test_source):
        if path is not None and path.is_file():
            try:
                yield from islice(read_lines(path), MOST_READ)
            except DataError:  # unreadable by now, which is no fault of the run
                continue


def _made_texts(subwords: Subwords) -> Iterator[str]:
    yield "a"
    random = np.random.default_rng(seed=1)
    for length in random.integers(1, LONGEST_MADE + 1, size=MOST):
        yield subwords.decode(random.integers(subwords.first_text, subwords.size, size=length))
