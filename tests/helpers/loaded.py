"""Translators that are loaded, and whose graphs are traced, once for all tests of a process."""

import functools

import seq2seq


def loaded(run, **decoding):
    """`seq2seq.load`, once for each run and settings; nobody changes what it gives."""
    return _loaded(str(run), tuple(sorted(decoding.items())))


@functools.cache
def _loaded(run, decoding):
    return seq2seq.load(run, **dict(decoding))
