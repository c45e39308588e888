"""How much of a text exported models and servers take; a request of any size gets an answer."""

# More than a novel is translated: without a limit, some megabytes of noise would keep a core of
# the server busy for hours.
LONGEST_TEXT = 100_000  # subwords
MOST_BYTES = 2_000_000
LONGEST_SCORED = 1000  # subwords of a text, and of a reference, that are scored
LONGEST_TERMS = 32  # subwords of the terms that a translation has to have, together
SEPARATOR = "\t"  # between these terms: requests of other lengths than others' join no batch
