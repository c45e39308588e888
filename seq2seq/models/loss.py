"""Label-smoothed cross-entropy from the vectors before the output layer, without a one-hot target.

Label smoothing: Szegedy et al. 2016, https://arxiv.org/abs/1512.00567, section 7. The gradient of
the logits is their softmax minus the target distribution, so output layer and loss are written as
one: the logits are turned into their own gradient in place, in three passes over the (N, V) numbers
that dominate a step.

Consistency of two passes with different dropout: R-Drop, Liang et al. 2021,
https://arxiv.org/abs/2106.14448, eqs. 1 to 4.

Shape suffixes: N target tokens, R readout units, V vocabulary, B sentences, T target positions.
"""

from collections.abc import Callable

import keras
from keras import ops

from seq2seq.gather import gather, gather_along
from seq2seq.models.products import Tensor, upstream_gradients


def cross_entropy(
    readout_NR: Tensor,
    kernel_VR: Tensor,
    bias_V: Tensor,
    target_ids_N: Tensor,
    smoothing: float,
    precision: str,
    consistency: float = 0.0,
) -> Tensor:
    """Cross-entropy of every token (N,), in nats, of the logits `readout kernel' + bias`.

    With consistency a, the second half of the rows is another pass over the tokens of the first,
    and the loss of a token, (N/2,), is the mean of both cross-entropies plus a/2 times the mean of
    both Kullback-Leibler divergences: half of eq. 4, which has sums.

    Args:
        readout_NR: vectors of real target tokens only; leave padding out before.
        kernel_VR: output weights.
        bias_V: output bias.
        target_ids_N: the right token of each row.
        smoothing: share of the target distribution that is spread evenly over the vocabulary.
        precision: of logits and products, "float32" or "bfloat16".
        consistency: what two passes cost that differ; 0 if there is one.
    """

    @ops.custom_gradient
    def run(readout: Tensor, kernel: Tensor, bias: Tensor) -> tuple:
        narrow_kernel, narrow_readout = ops.cast(kernel, precision), ops.cast(readout, precision)
        logits_NV = ops.matmul(narrow_readout, ops.transpose(narrow_kernel))
        logits_NV = logits_NV + ops.cast(bias, precision)
        softmax_NV = ops.softmax(logits_NV)
        losses_N = _losses(logits_NV, softmax_NV, readout, kernel, bias, target_ids_N, smoothing)
        if consistency:
            apart = _Disagreement(logits_NV, softmax_NV)
            losses_N = _both(ops.add, losses_N) / 2 + consistency / 4 * apart.divergences()

        def backward(*args: Tensor, upstream: tuple | None = None) -> tuple:
            (up_N,) = upstream_gradients(args, upstream)
            d_logits_NV = _subtract_target(softmax_NV, target_ids_N, 1 - smoothing)
            if consistency:
                up_N = ops.concatenate([up_N, up_N]) / 2
                d_logits_NV = d_logits_NV + consistency / 2 * apart.gradients()
            uniform = smoothing / kernel.shape[0]
            d_readout = ops.cast(ops.matmul(d_logits_NV, narrow_kernel), "float32")
            d_readout = (d_readout - uniform * ops.sum(kernel, axis=0)) * up_N[:, None]
            scaled_NR = readout * up_N[:, None]
            d_kernel = ops.matmul(ops.transpose(d_logits_NV), ops.cast(scaled_NR, precision))
            d_kernel = ops.cast(d_kernel, "float32") - uniform * ops.sum(scaled_NR, axis=0)
            d_bias = ops.matmul(ops.cast(up_N, precision)[None], d_logits_NV)[0]
            d_bias = ops.cast(d_bias, "float32") - uniform * ops.sum(up_N)
            return d_readout, d_kernel, d_bias

        return losses_N, backward

    return run(readout_NR, kernel_VR, bias_V)


def _losses(
    logits_NV: Tensor,
    softmax_NV: Tensor,
    readout_NR: Tensor,
    kernel_VR: Tensor,
    bias_V: Tensor,
    target_ids_N: Tensor,
    smoothing: float,
) -> Tensor:
    """(1 - s) (lse - logit of the target) + s (lse - mean logit), with few passes over (N, V)."""
    largest_logit = ops.cast(ops.max(logits_NV, axis=-1), "float32")
    largest_share = ops.cast(
        ops.max(softmax_NV, axis=-1), "float32"
    )  # at least 1/V: its log is finite
    log_sum_exp = largest_logit - ops.log(largest_share)
    target_rows_NR = gather(kernel_VR, target_ids_N)
    target_logit = ops.sum(readout_NR * target_rows_NR, axis=-1) + gather(bias_V, target_ids_N)
    mean_row_R1 = ops.mean(kernel_VR, axis=0)[:, None]
    mean_logit = ops.matmul(readout_NR, mean_row_R1)[:, 0] + ops.mean(bias_V)
    return log_sum_exp - (1 - smoothing) * target_logit - smoothing * mean_logit


def _both(combine: Callable[[Tensor, Tensor], Tensor], rows: Tensor) -> Tensor:
    """A function of the first half of some rows and the second."""
    return combine(*ops.split(rows, 2))


class _Disagreement:
    """Two passes over the same tokens: (N/2, V) differences of their logits and their shares.

    Since each pass's shares add up to 1, the sum of both Kullback-Leibler divergences is that of
    (p - q) (z - y) over the vocabulary, for logits z and y with the softmaxes p and q.
    """

    def __init__(self, logits_NV: Tensor, softmax_NV: Tensor) -> None:
        self._softmax_NV = softmax_NV
        self._logits = _both(ops.subtract, logits_NV)
        self._shares = _both(ops.subtract, softmax_NV)

    def divergences(self) -> Tensor:
        """KL(p, q) + KL(q, p) of each token (N/2,)."""
        return ops.sum(ops.cast(self._shares * self._logits, "float32"), axis=-1)

    def gradients(self) -> Tensor:
        """The same differentiated by the logits of both passes (N, V)."""
        first, second = (
            self._shares
            + shares * (self._logits - ops.sum(shares * self._logits, axis=-1, keepdims=True))
            for shares in ops.split(self._softmax_NV, 2)
        )
        return ops.concatenate([first, -second])


def _subtract_target(softmax_NV: Tensor, target_ids_N: Tensor, share: float) -> Tensor:
    """The softmax with `share` taken off at each row's target."""
    rows_N = ops.arange(ops.shape(target_ids_N)[0], dtype="int32")
    places_N2 = ops.stack([rows_N, ops.cast(target_ids_N, "int32")], axis=-1)
    at_target = gather_along(softmax_NV, target_ids_N[:, None])[:, 0]
    return ops.scatter_update(softmax_NV, places_N2, at_target - share)


@keras.saving.register_keras_serializable(package="seq2seq")
class MaskedCrossEntropy(keras.losses.Loss):
    """The same of logits that are there, for `compile`: the mean over real target tokens.

    Without smoothing, its exponential is the perplexity.

    Args:
        label_smoothing: see `cross_entropy`.
        pad_id: the id of padding, which does not count.
        name: in logs.

    Call arguments:
        y_true: (B, T) ids.
        y_pred: (B, T, V) logits.
        sample_weight: (B,) or (B, T), what the loss of a sentence or token is multiplied by.

    Returns:
        Nats a real token.
    """

    def __init__(
        self, label_smoothing: float = 0.0, pad_id: int = 0, name: str = "masked_cross_entropy"
    ) -> None:
        super().__init__(name=name)
        self.label_smoothing = label_smoothing
        self.pad_id = pad_id

    def __call__(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> Tensor:
        """See the class."""
        real_BT = ops.cast(ops.not_equal(y_true, self.pad_id), "float32")
        losses_BT = self.call(y_true, y_pred) * real_BT
        if sample_weight is not None:
            given = ops.cast(sample_weight, "float32")
            losses_BT = losses_BT * (given if len(given.shape) == 2 else given[:, None])
        return ops.sum(losses_BT) / ops.maximum(ops.sum(real_BT), 1)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Cross-entropy (B, T) of every token, padding too."""
        logits_BTV = ops.cast(y_pred, "float32")
        log_sum_exp_BT = ops.logsumexp(logits_BTV, axis=-1)
        ids_BT1 = ops.cast(y_true, "int32")[..., None]
        target_BT = gather_along(logits_BTV, ids_BT1)[..., 0]
        smoothing = self.label_smoothing
        mean_BT = ops.mean(logits_BTV, axis=-1)
        return log_sum_exp_BT - (1 - smoothing) * target_BT - smoothing * mean_BT

    def get_config(self) -> dict:
        """Constructor arguments."""
        own = {"label_smoothing": self.label_smoothing, "pad_id": self.pad_id}
        return {**own, "name": self.name}
