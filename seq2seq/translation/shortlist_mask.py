"""The vocabulary shortlist inside the graph: which subwords each sentence of a batch may use."""

import numpy as np
import tensorflow as tf

from seq2seq.data.shortlist import Shortlist
from seq2seq.data.subwords import BOS, EOS, PAD, UNKNOWN
from seq2seq.models.output import MULTIPLE, SUPPRESSED_LOGIT

SPECIAL = (PAD, UNKNOWN, BOS, EOS)  # at their own ids in every list, so that a search knows them


class GraphShortlist:
    """Lists for batches.

    What the output layer scores is the union over a batch; each sentence's own list then masks the
    rest, so that no translation depends on its batch.
    """

    def __init__(self, shortlist: Shortlist) -> None:
        always = [i for i in shortlist.always.tolist() if i not in SPECIAL]
        self._always = tf.constant([*SPECIAL, *always], tf.int32)
        self._candidates = tf.constant(shortlist.candidates.astype(np.int32))

    def of_batch(
        self, source_ids: tf.Tensor, forced_ids: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The ids (V',) that a batch needs, and what to add to each sentence's logits (B, V').

        The latter is 0 for ids in the sentence's own list and no-output for the others.

        Args:
            source_ids: (B, S) with padding.
            forced_ids: (B, P) ids that are in a sentence's list for being in its prefix; padding
                elsewhere.
        """
        batch = tf.shape(source_ids)[0]
        translations_BSC = tf.gather(self._candidates, source_ids)
        copies_BS1 = source_ids[:, :, None]
        listed_BC = tf.reshape(tf.concat([translations_BSC, copies_BS1], axis=2), (batch, -1))
        if forced_ids is not None:
            listed_BC = tf.concat([listed_BC, forced_ids], axis=1)
        wanted = tf.concat([self._always, tf.reshape(listed_BC, (-1,))], axis=0)
        ids_V, places = tf.unique(wanted)  # in the order of their first occurrence
        ids_V = tf.pad(ids_V, [[0, -tf.size(ids_V) % MULTIPLE]], constant_values=PAD)
        always = tf.size(self._always)
        size = tf.size(ids_V)
        firsts_B1 = tf.range(batch)[:, None] * size
        listed = firsts_B1 + tf.reshape(places[always:], (batch, -1))
        everywhere = firsts_B1 + tf.range(always)[None, :]
        known = tf.reshape(tf.concat([listed, everywhere], axis=1), (-1, 1))
        unlisted = tf.tensor_scatter_nd_update(
            tf.fill((batch * size,), SUPPRESSED_LOGIT), known, tf.zeros((tf.size(known),))
        )
        return ids_V, tf.reshape(unlisted, (batch, size))
