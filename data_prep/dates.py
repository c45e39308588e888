"""Written dates to ISO 8601, generated: `29 November 2026`, `Nov. 29th, 2026` to `2026-11-29`."""

import argparse
import datetime
import random
from collections.abc import Iterator

from data_prep.arguments import add_output, positive
from data_prep.corpus_folder import describe_corpus, open_corpus
from seq2seq.errors import DataError

ENDINGS = ("written", "iso")
FIRST, DAYS = datetime.date(1900, 1, 1), 73049  # to the end of 2099
MONTHS = (
    "January February March April May June July August September October November December".split()
)
FORMS = (
    "{day} {month} {year}",
    "{day}{th} {month} {year}",
    "{month} {day}, {year}",
    "{short}. {day}{th}, {year}",
    "{day} {short} {year}",
    "the {day}{th} of {month} {year}",
    "{weekday}, {day} {month} {year}",
    "{weekday}, {month} {day}{th}, {year}",
    "{day}.{number}.{year}",
    "{year}, {day} {short}",
)
MOST = DAYS * len(FORMS) // 2


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the verb `dates`."""
    parser = subparsers.add_parser("dates", help=__doc__, description=__doc__)
    add = parser.add_argument
    add_output(parser)
    add("--train", type=positive, default=5000, metavar="N", help="dates; default 5000")
    add("--others", type=positive, default=500, metavar="N", help="val, test: each; default 500")
    add("--seed", type=int, default=1, metavar="N", help="another seed draws others")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> str:
    """Writes the corpus, no date twice in one form, and says what was written.

    Raises:
        DataError: there are not so many dates, or the folder cannot be written.
    """
    sizes = {"train": options.train, "val": options.others, "test": options.others}
    if sum(sizes.values()) > MOST:
        raise DataError(f"{sum(sizes.values()):,} dates are more than {MOST:,}; ask for fewer")
    found = dates(options.seed)
    with open_corpus(options.output, tuple(sizes), ENDINGS, options.replace) as writer:
        for split, size in sizes.items():
            for _ in range(size):
                writer.add(split, *next(found))
    return describe_corpus(options.output, ENDINGS, writer.counts)


def dates(seed: int) -> Iterator[tuple[str, str]]:
    """Written and ISO form, drawn evenly, none twice."""
    draw, seen = random.Random(seed), set()
    while True:
        day = FIRST + datetime.timedelta(days=draw.randrange(DAYS))
        text = written(day, draw.choice(FORMS))
        if text not in seen:
            seen.add(text)
            yield text, day.isoformat()


def written(day: datetime.date, form: str) -> str:
    """A date in one of `FORMS`.

    >>> written(datetime.date(2026, 11, 22), "{weekday}, {month} {day}{th}, {year}")
    'Sunday, November 22nd, 2026'
    """
    teens = 10 < day.day < 20
    month = MONTHS[day.month - 1]
    return form.format(
        day=day.day,
        th="th" if teens else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th"),
        month=month,
        short=month[:3],
        number=day.month,
        year=day.year,
        weekday=("Mon", "Tues", "Wednes", "Thurs", "Fri", "Satur", "Sun")[day.weekday()] + "day",
    )
