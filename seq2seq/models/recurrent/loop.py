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

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from keras import ops

from seq2seq.models.products import Tensor, product
from seq2seq.models.recurrent.backend import (
    Tensors,
    custom_gradient,
    scan,
    vector_jacobian_product,
)
from seq2seq.models.recurrent.operands import Operands, Recording, Replay, Weights, rounded

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
    loop = _Loop(step, sequences, list(weights.matrices), list(weights.values), weights.precision)
    counts = [len(sequences.inputs), len(states), len(weights.matrices), len(weights.values)]

    def run(*flat: Tensor) -> tuple[Tensors, Callable]:
        inputs, first, matrices, values = _cut(flat, counts)
        kept = loop.forward(inputs, first, matrices, values)
        wanted = [kept.after[number] for number in returned]
        others = [last for n, last in enumerate(kept.last) if n not in returned]

        def pull_back(gradients: Sequence[Tensor]) -> Tensors:
            d_wanted, d_outputs, d_others = _cut(
                gradients, [len(wanted), len(kept.outputs), len(others)]
            )
            d_last = list(d_others)
            for number in sorted(returned):
                d_last.insert(number, ops.zeros_like(first[number]))
            d_after = dict(zip(returned, d_wanted, strict=True))
            return loop.backward(kept, d_after, d_outputs, d_last)

        return [*wanted, *kept.outputs, *others], pull_back

    flat = [*sequences.inputs, *states, *weights.matrices.values(), *weights.values.values()]
    found = custom_gradient(run, flat)
    others = len(states) - len(returned)
    wanted, outputs, last = _cut(
        found, [len(returned), len(found) - len(returned) - others, others]
    )
    for number in sorted(returned):
        last.insert(number, wanted[list(returned).index(number)][-1])
    return wanted, outputs, last


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
    last, stacked = scan(body, states, [*inputs, sequences.mask], like)
    wanted, outputs = _cut(stacked, [len(returned), len(outputs)])
    return wanted, outputs, last


@dataclass(frozen=True)
class _Kept:
    """What the way back needs of the way forward."""

    inputs: Tensors
    first: Tensors  # states before the first position
    matrices: dict[str, Tensor]
    values: dict[str, Tensor]
    after: Tensors  # states after each position, (T, B, ...)
    outputs: Tensors
    products: Tensors  # of each product of a step, (T, B, ...)
    names: list[str]  # of the matrices multiplied with, in the order of the products
    lefts: Tensors  # one of each product's left factors, for its shape
    last: Tensors


@dataclass(frozen=True)
class _Loop:
    step: Step
    sequences: Sequences
    matrices: list[str]  # names
    values: list[str]
    precision: str

    def forward(self, inputs: Tensors, first: Tensors, matrices: Tensors, values: Tensors) -> _Kept:
        fixed = list(self.sequences.fixed)
        full = dict(zip(self.matrices, matrices, strict=True))
        narrow = {name: rounded(each, self.precision) for name, each in full.items()}
        named = dict(zip(self.values, values, strict=True))

        def body(states: Tensors, slices: Tensors) -> tuple[Tensors, Tensors]:
            record = Recording(narrow, named, self.precision)
            after, outputs = self.step(slices[:-1], states, record)
            after = _where(slices[-1], after, states)
            return after, [*after, *outputs, *record.products]

        # A step whose results nobody uses, so no graph keeps it: it says what a step gives.
        record = Recording(narrow, named, self.precision)
        _, outputs = self.step([each[0] for each in [*inputs, *fixed]], first, record)
        like = [*first, *outputs, *record.products]
        last, stacked = scan(body, first, [*inputs, *fixed, self.sequences.mask], like)
        after, outputs, products = _cut(stacked, [len(first), len(outputs), len(record.products)])
        names, lefts = record.names, record.lefts
        return _Kept(inputs, first, full, named, after, outputs, products, names, lefts, last)

    def backward(
        self, kept: _Kept, d_after: dict[int, Tensor], d_outputs: Tensors, d_last: Tensors
    ) -> Tensors:
        """Gradients of inputs, first states, matrices and values."""
        transposed = {
            name: rounded(ops.swapaxes(each, -1, -2), self.precision)
            for name, each in kept.matrices.items()
        }
        before = [
            ops.concatenate([first[None], after[:-1]], axis=0)
            for first, after in zip(kept.first, kept.after, strict=True)
        ]
        columns = [
            kept.inputs,
            list(self.sequences.fixed),
            before,
            kept.products,
            list(d_after.values()),
            d_outputs,
            [self.sequences.mask],
        ]
        counts = [len(each) for each in columns]
        differentiated = [
            len(each) for each in (kept.inputs, kept.first, kept.products, kept.values)
        ]
        value_list = list(kept.values.values())

        def body(carry: Tensors, slices: Tensors) -> tuple[Tensors, Tensors]:
            d_states, d_values = _cut(carry, [len(kept.first), len(value_list)])
            inputs, fixed, states, products, d_wanted, d_outputs, (real,) = _cut(slices, counts)
            for number, each in zip(d_after, d_wanted, strict=True):
                d_states[number] = d_states[number] + each

            def again(*arguments: Tensor) -> tuple[Tensors, Tensors]:
                inputs, states, products, values = _cut(arguments, differentiated)
                named = dict(zip(kept.values, values, strict=True))
                replay = Replay(products, transposed, named, self.precision)
                after, outputs = self.step([*inputs, *fixed], states, replay)
                return [*after, *outputs], replay.lefts

            lefts, pull_back = vector_jacobian_product(
                again, [*inputs, *states, *products, *value_list]
            )
            d_new = [_where(real, [each], [ops.zeros_like(each)])[0] for each in d_states]
            pulled = pull_back([*d_new, *d_outputs])
            d_inputs, d_before, d_products, d_now = _cut(pulled, differentiated)
            d_states = [
                before + all_of_it - passed_on
                for before, all_of_it, passed_on in zip(d_before, d_states, d_new, strict=True)
            ]
            d_values = [sum_ + now for sum_, now in zip(d_values, d_now, strict=True)]
            return [*d_states, *d_values], [*d_inputs, *lefts, *d_products]

        like = [each[0] for each in kept.inputs] + kept.lefts
        like += [each[0] for each in kept.products]
        carry = [*d_last, *(ops.zeros_like(each) for each in value_list)]
        flat = [each for column in columns for each in column]
        carry, stacked = scan(body, carry, flat, like, reverse=True)
        d_first, d_values = _cut(carry, [len(kept.first), len(value_list)])
        d_inputs, lefts, d_products = _cut(
            stacked, [len(kept.inputs), len(kept.lefts), len(kept.products)]
        )
        d_matrices = {name: None for name in self.matrices}
        for name, left, d_product in zip(kept.names, lefts, d_products, strict=True):
            found = _matrix_gradient(kept.matrices[name], left, d_product, self.precision)
            d_matrices[name] = found if d_matrices[name] is None else d_matrices[name] + found
        for name, each in d_matrices.items():
            if each is None:
                d_matrices[name] = ops.zeros_like(kept.matrices[name])
        return [*d_inputs, *d_first, *d_matrices.values(), *d_values]


def _where(real_B: Tensor, one: Sequence[Tensor], other: Sequence[Tensor]) -> Tensors:
    """Of each pair of tensors (B, ...) the one at real positions, the other at padding."""
    return [
        ops.where(ops.reshape(real_B, (-1, *[1] * (len(yes.shape) - 1))), yes, no)
        for yes, no in zip(one, other, strict=True)
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
