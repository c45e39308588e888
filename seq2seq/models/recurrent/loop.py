"""A recurrence over a whole sequence, forward and back through time: of any step whatever.

A step is written once, as what it computes (`Step`). Its gradient is taken by the backend, a step
at a time, and its products with weights are kept out of that: on the way back a product is not made
again but read from where the way forward kept it, and the gradient of a weight is one product over
all steps at the end, not a sum of one a step. So `precision` reaches products alone; states, gates
and sums stay float32. At padding a state is carried over unchanged.

Backpropagation through time: Werbos 1990, https://doi.org/10.1109/5.58337. Why not
`keras.layers.RNN`: its loop adds up the gradient of every weight once a step, and knows one
precision for all.

Shape suffixes: T steps, B sentences.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from keras import ops

from seq2seq.models.products import Tensor, product
from seq2seq.models.recurrent.backend import (
    Tensors,
    custom_gradient,
    rows_where,
    scan,
    vector_jacobian_product,
)
from seq2seq.models.recurrent.operands import Operands, Recording, Replay, Weights

# (inputs, states, operands) -> states, other outputs; all but the operands lists of (B, ...)
Step = Callable[[Tensors, Tensors, Operands], tuple[Tensors, Tensors]]


@dataclass(frozen=True)
class Sequences:
    """What a step gets at each position."""

    inputs: Sequence[Tensor]  # each (T, B, ...)
    mask: Tensor  # (T, B) bool, False at padding
    fixed: Sequence[Tensor] = ()  # more inputs, behind the others, that take no gradient


def recurrent_loop(
    step: Step,
    sequences: Sequences,
    states: Sequence[Tensor],
    weights: Weights,
    returned: Sequence[int] = (0,),
    training: bool = True,
) -> tuple[Tensors, Tensors, Tensors]:
    """Runs a step from position 0 on.

    Args:
        step: what is done at a position.
        sequences: what it gets there.
        states: before the first position, each (B, ...).
        weights: what its operands are.
        returned: numbers of the states that are wanted at every position.
        training: whether gradients will be wanted. If not, nothing is kept for the way back, and a
            gradient is what the backend makes of its own loop.

    Returns:
        The wanted states after every position, each (T, B, ...); what else the step gave, each (T,
        B, ...); and every state after the last position.
    """
    if not training:
        return _forward_only(step, sequences, states, weights, returned)
    loop = _Loop(step, sequences.fixed, sequences.mask, weights, tuple(returned))
    counts = [len(sequences.inputs), len(states), len(weights.matrices), len(weights.values)]

    def run(*flat: Tensor) -> tuple[Tensors, Callable]:
        kept = loop.forward(*_cut(flat, counts))
        wanted, others = loop.parted(kept.after, kept.last)

        def pull_back(gradients: Sequence[Tensor]) -> Tensors:
            sizes = [len(wanted), len(kept.outputs), len(others)]
            return loop.backward(kept, *_cut(gradients, sizes))

        return [*wanted, *kept.outputs, *others], pull_back

    flat = [*sequences.inputs, *states, *weights.matrices.values(), *weights.values.values()]
    found = custom_gradient(run, flat)
    others = len(states) - len(returned)
    counts_found = [len(returned), len(found) - len(returned) - others, others]
    wanted, outputs, rest = _cut(found, counts_found)
    return wanted, outputs, loop.together([each[-1] for each in wanted], rest)


def _forward_only(
    step: Step,
    sequences: Sequences,
    states: Sequence[Tensor],
    weights: Weights,
    returned: Sequence[int],
) -> tuple[Tensors, Tensors, Tensors]:
    """`recurrent_loop` that keeps nothing."""
    narrow = weights.rounded()

    def body(states: Tensors, slices: Tensors) -> tuple[Tensors, Tensors]:
        after, outputs = step(slices[:-1], states, narrow)
        after = _where(slices[-1], after, states)
        return after, [*(after[number] for number in returned), *outputs]

    inputs = [*sequences.inputs, *sequences.fixed]
    _, outputs = step([each[0] for each in inputs], list(states), narrow)  # for their shapes alone
    like = [*(states[number] for number in returned), *outputs]
    last, stacked = scan(body, states, [*inputs, sequences.mask], like, differentiable=True)
    wanted, outputs = _cut(stacked, [len(returned), len(outputs)])
    return wanted, outputs, last


@dataclass(frozen=True)
class _Kept:
    """What the way back needs of the way forward."""

    inputs: Tensors
    first: Tensors  # states before the first position
    weights: Weights
    after: Tensors  # states after each position, (T, B, ...)
    outputs: Tensors
    products: Tensors  # of each product of a step, (T, B, ...)
    names: list[str]  # of the matrices multiplied with, in the order of the products
    lefts: list[Tensor | int]  # one of each left factor, for its shape; or which state it is
    last: Tensors

    @property
    def before(self) -> Tensors:
        """States before each position, (T, B, ...)."""
        pairs = zip(self.first, self.after, strict=True)
        return [ops.concatenate([first[None], after[:-1]], axis=0) for first, after in pairs]


@dataclass(frozen=True)
class _Loop:
    step: Step
    fixed: Sequence[Tensor]
    mask: Tensor  # (T, B)
    weights: Weights  # whose names and precision count; values are given
    returned: tuple[int, ...]

    def parted(self, wanted: Tensors, others: Tensors) -> tuple[Tensors, Tensors]:
        """Of the first list the states that are returned, of the second the others."""
        numbers = range(len(others))
        rest = [others[number] for number in numbers if number not in self.returned]
        return [wanted[number] for number in self.returned], rest

    def together(self, wanted: Sequence[Tensor], others: Sequence[Tensor]) -> Tensors:
        """States in their order, from those that are returned and the others."""
        states = list(others)
        for number, each in sorted(
            zip(self.returned, wanted, strict=True), key=lambda each: each[0]
        ):
            states.insert(number, each)
        return states

    def forward(self, inputs: Tensors, first: Tensors, matrices: Tensors, values: Tensors) -> _Kept:
        """Runs all steps, keeping states and products."""
        weights = Weights(
            dict(zip(self.weights.matrices, matrices, strict=True)),
            dict(zip(self.weights.values, values, strict=True)),
            self.weights.precision,
        )
        narrow = weights.rounded()

        def body(states: Tensors, slices: Tensors) -> tuple[Tensors, Tensors]:
            recording = Recording(narrow)
            after, outputs = self.step(slices[:-1], states, recording)
            after = _where(slices[-1], after, states)
            return after, [*after, *outputs, *recording.products]

        # A step whose results nobody uses, so no graph keeps it: it says what a step gives.
        recording = Recording(narrow)
        _, outputs = self.step([each[0] for each in [*inputs, *self.fixed]], first, recording)
        like = [*first, *outputs, *recording.products]
        last, stacked = scan(body, first, [*inputs, *self.fixed, self.mask], like)
        after, outputs, products = _cut(
            stacked, [len(first), len(outputs), len(recording.products)]
        )
        lefts = [_number_of(left, first) for left in recording.lefts]
        return _Kept(inputs, first, weights, after, outputs, products, recording.names, lefts, last)

    def backward(
        self, kept: _Kept, d_wanted: Tensors, d_outputs: Tensors, d_others: Tensors
    ) -> Tensors:
        """Gradients of inputs, first states, matrices and values."""
        real = ops.cast(_beside(self.mask, kept.first[0]), kept.first[0].dtype)
        before = kept.before
        columns = [kept.inputs, list(self.fixed), before, kept.products, d_wanted, d_outputs]
        counts = [len(each) for each in columns]
        transposed = kept.weights.transposed()
        values = list(kept.weights.values.values())
        stacked_lefts = [each for each in kept.lefts if not isinstance(each, int)]

        def body(carry: Tensors, slices: Tensors) -> tuple[Tensors, Tensors]:
            d_states, d_values = _cut(carry, [len(kept.first), len(values)])
            *parts, (mask, now_real) = _cut(slices, [*counts, 2])
            inputs, fixed, states, products, d_wanted, d_outputs = parts
            for number, each in zip(self.returned, d_wanted, strict=True):
                d_states[number] = d_states[number] + each
            d_new = [each * now_real for each in d_states]
            found, lefts = self._pulled_back(
                kept, transposed, (inputs, fixed, states, products), [*d_new, *d_outputs]
            )
            d_inputs, d_before, d_products, d_now = found
            d_states = _where(mask, d_before, d_states)
            d_values = [total + now for total, now in zip(d_values, d_now, strict=True)]
            return [*d_states, *d_values], [*d_inputs, *lefts, *d_products]

        like = [each[0] for each in kept.inputs] + stacked_lefts
        like += [each[0] for each in kept.products]
        d_last = self.together([ops.zeros_like(kept.first[n]) for n in self.returned], d_others)
        carry = [*d_last, *(ops.zeros_like(each) for each in values)]
        flat = [each for column in columns for each in column]
        carry, stacked = scan(body, carry, [*flat, self.mask, real], like, reverse=True)
        d_first, d_values = _cut(carry, [len(kept.first), len(values)])
        d_inputs, lefts, d_products = _cut(
            stacked, [len(kept.inputs), len(stacked_lefts), len(kept.products)]
        )
        remaining = iter(lefts)
        lefts = [before[e] if isinstance(e, int) else next(remaining) for e in kept.lefts]
        return [*d_inputs, *d_first, *_matrix_gradients(kept, lefts, d_products), *d_values]

    def _pulled_back(
        self,
        kept: _Kept,
        transposed: Mapping[str, Tensor],
        slices: tuple[Tensors, Tensors, Tensors, Tensors],
        gradients: Tensors,
    ) -> tuple[list[Tensors], Tensors]:
        """One step's gradients of inputs, states, products and values; left factors to be stacked.

        Args:
            kept: of the way forward.
            transposed: matrices that gradients of products are multiplied with.
            slices: inputs, fixed inputs, states and products of the step.
            gradients: of the states after it and of its other outputs.
        """
        inputs, fixed, states, products = slices
        differentiated = [inputs, states, products, list(kept.weights.values.values())]
        counts = [len(each) for each in differentiated]

        def again(*arguments: Tensor) -> tuple[Tensors, Tensors]:
            inputs, states, products, values = _cut(arguments, counts)
            named = dict(zip(kept.weights.values, values, strict=True))
            replay = Replay(products, transposed, named, kept.weights.precision)
            after, outputs = self.step([*inputs, *fixed], states, replay)
            pairs = zip(replay.lefts, kept.lefts, strict=True)
            return [*after, *outputs], [left for left, at in pairs if not isinstance(at, int)]

        flat = [each for part in differentiated for each in part]
        lefts, pull_back = vector_jacobian_product(again, flat)
        return _cut(pull_back(gradients), counts), lefts


def _beside(mask_TB: Tensor, state: Tensor) -> Tensor:
    """The mask (T, B, 1, ...) as it fits beside states (T, B, ...)."""
    return ops.reshape(mask_TB, (*ops.shape(mask_TB), *[1] * (len(state.shape) - 1)))


def _where(mask: Tensor, one: Sequence[Tensor], other: Sequence[Tensor]) -> Tensors:
    """Of each pair of tensors (B, ...) the one at real positions, the other at padding."""
    return [rows_where(mask, yes, no) for yes, no in zip(one, other, strict=True)]


def _number_of(left: Tensor, states: Sequence[Tensor]) -> Tensor | int:
    """Which state a left factor is; if it is none, the factor."""
    return next((number for number, each in enumerate(states) if each is left), left)


def _matrix_gradients(kept: _Kept, lefts: Tensors, d_products: Tensors) -> Tensors:
    """In the order of the matrices; of those that no step multiplies with, 0."""
    found: dict[str, Tensor] = {}
    for name, left, d_product in zip(kept.names, lefts, d_products, strict=True):
        matrix, precision = kept.weights.matrices[name], kept.weights.precision
        one = _matrix_gradient(matrix, left, d_product, precision)
        found[name] = found[name] + one if name in found else one
    return [
        found[name] if name in found else ops.zeros_like(matrix)
        for name, matrix in kept.weights.matrices.items()
    ]


def _matrix_gradient(matrix: Tensor, left: Tensor, d_product: Tensor, precision: str) -> Tensor:
    """From all left factors (T, B, ..., I) and all gradients of products (T, B, ..., J)."""
    if len(matrix.shape) == 2:
        inner, outer = matrix.shape
        rows_IN = ops.transpose(ops.reshape(left, (-1, inner)))
        return product(rows_IN, ops.reshape(d_product, (-1, outer)), precision)
    # Matrices of each sentence: a product over its own steps.
    left, d_product = (_steps_inside(each) for each in (left, d_product))
    return ops.matmul(ops.swapaxes(left, -1, -2), d_product)


def _steps_inside(values: Tensor) -> Tensor:
    """(T, B, ..., K, I) as (B, ..., T K, I)."""
    moved = ops.moveaxis(values, 0, -3)
    *outer, steps, rows, inner = ops.shape(moved)
    return ops.reshape(moved, (*outer, steps * rows, inner))


def _cut(flat: Sequence[Tensor], counts: Sequence[int]) -> list[Tensors]:
    """Consecutive parts of a list."""
    parts, start = [], 0
    for count in counts:
        parts.append(list(flat[start : start + count]))
        start += count
    return parts
