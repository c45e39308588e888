"""Corpora to train on: run once per corpus, as `python -m data_prep VERB`."""
