"""Each recurrent cell's training rate beside the LSTM's, at equal multiply-adds, on one core.

    python -m benchmarks.training_speed.cells [--units 512] [--precision bfloat16] [--rounds 5]

One layer over a batch of sentences, forward and back through time, with nothing before or behind
it. A cell with other than four gates, or without recurrent products, gets as many units as bring
its products to the LSTM's multiply-adds. The cells take turns; a rate is multiply-adds a second of
processor time, and its ratio to the LSTM's is taken round by round.
"""

import argparse
import os
import statistics
import time
from typing import TYPE_CHECKING, get_args

from benchmarks.spread import spread

if TYPE_CHECKING:
    from seq2seq.models.recurrent.recurrence import Kind

SENTENCES, POSITIONS = 64, 24
GATES = {"gru": 3, "simple_rnn": 1, "ssru": 2}  # the others have four
INPUT_GATED = ("ssru",)  # without recurrent products


def main() -> None:
    """Prints one line a cell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--units", type=int, default=512, help="of the LSTM, and of its inputs")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="bfloat16")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20, help="timed in a round")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])

    from seq2seq.models.recurrent.recurrence import Kind  # here, because it loads TensorFlow

    layers: dict[Kind, _Layer] = {kind: _Layer(kind, arguments) for kind in get_args(Kind)}
    rates: dict[Kind, list[float]] = {kind: [] for kind in layers}
    for _ in range(arguments.rounds):
        for kind, layer in layers.items():
            rates[kind].append(layer.rate(arguments.steps))
    for kind, layer in layers.items():
        ratios = [one / lstm for one, lstm in zip(rates[kind], rates["lstm"], strict=True)]
        giga = statistics.median(rates[kind]) / 1e9
        print(
            f"{kind}, {layer.units} units: {giga:.1f} G/s, {spread(ratios, 2)} of the LSTM's rate"
        )


class _Layer:
    """A layer with its gradients, traced once."""

    def __init__(self, kind: "Kind", arguments: argparse.Namespace) -> None:
        import tensorflow as tf

        from seq2seq.models.recurrent.recurrence import make_recurrence

        inputs, gates = arguments.units, GATES.get(kind, 4)
        products = 4 * 2 * arguments.units**2
        if kind in INPUT_GATED:
            self.units, read = round(products / gates / inputs), inputs
        else:
            self.units = _units(products, inputs, gates)
            read = inputs + self.units
        self.multiply_adds = 3 * SENTENCES * POSITIONS * gates * self.units * read
        layer = make_recurrence(kind, self.units, precision=arguments.precision)
        values = tf.random.stateless_normal((SENTENCES, POSITIONS, inputs), (0, 1))
        mask = tf.ones((SENTENCES, POSITIONS), tf.bool)
        layer(values, mask)

        @tf.function
        def step() -> list[tf.Tensor]:
            with tf.GradientTape() as tape:
                tape.watch(values)
                outputs, _ = layer(values, mask, training=True)
                loss = tf.reduce_sum(outputs * outputs)
            found: list[tf.Tensor] = tape.gradient(loss, [values, *layer.trainable_variables])
            return found

        step()
        self._step = step

    def rate(self, steps: int) -> float:
        """Multiply-adds a second of processor time."""
        begin = time.process_time()
        for _ in range(steps):
            self._step()
        return steps * self.multiply_adds / (time.process_time() - begin)


def _units(products: int, inputs: int, gates: int) -> int:
    """As many as bring gates * units * (inputs + units) closest to `products`."""
    half = inputs / 2
    return round((half**2 + products / gates) ** 0.5 - half)


if __name__ == "__main__":
    main()
