"""Networks drawn without their weights: shapes of hundreds of millions of values, in no time."""

from concurrent.futures import ThreadPoolExecutor

import keras

from seq2seq.config.architecture import ModelConfig
from seq2seq.models.translator import Translator, build_translator


def draw_without_weights(config: ModelConfig, vocabulary_size: int) -> Translator:
    """A network whose weights have shapes and names, but no values: only to be looked at."""

    def draw() -> Translator:
        with keras.StatelessScope(initialize_variables=False):
            return build_translator(config, vocabulary_size)

    # In a thread of its own, because Keras keeps a list of such weights for each thread, and would
    # give all of them values with the next layer that is drawn.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(draw).result()
