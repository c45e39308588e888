"""What `keras.ops` lacks, on each backend: a fast scan, a step's gradient, gradients of one's own.

The only file of this package that knows which backend Keras runs on. `keras.ops.scan` keeps what it
stacks and what it carries in one structure, and on TensorFlow writes the carry into lists at every
step; the loop here takes a fifth less time. Keras has no vector-Jacobian product, and on PyTorch
its `custom_gradient` takes functions of one output alone.
"""

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from seq2seq.models.products import Tensor, upstream_gradients

Tensors = list[Tensor]
# (carry, slices of the inputs) -> the next carry, what is stacked
Body = Callable[[Tensors, Tensors], tuple[Tensors, Tensors]]
Pullback = Callable[[Sequence[Tensor]], Tensors]


def scan(
    body: Body,
    carry: Sequence[Tensor],
    inputs: Sequence[Tensor],
    like: Sequence[Tensor],
    reverse: bool = False,
    differentiable: bool = False,
) -> tuple[Tensors, Tensors]:
    """Runs `body` over the first axis of the inputs: the last carry, and what it gave, stacked.

    Args:
        body: gets and gives lists of tensors; those carried keep their shapes.
        carry: before the first step.
        inputs: each (T, ...), T at least 1.
        like: a tensor of the shape and type of each that is stacked, at one step.
        reverse: from the last step to the first; what is stacked stays at its step.
        differentiable: whether the backend may be asked for a gradient of the whole loop. On
            TensorFlow its time is then proportional to T, not to T squared.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return _scan_tensorflow(body, list(carry), list(inputs), like, reverse, differentiable)
    if backend == "jax":
        return ops.scan(body, list(carry), list(inputs), reverse=reverse)
    now, stacked = list(carry), []
    steps = range(inputs[0].shape[0])
    for step in reversed(steps) if reverse else steps:
        now, found = body(now, [each[step] for each in inputs])
        stacked.append(found)
    columns = zip(*(stacked[::-1] if reverse else stacked), strict=True)
    return now, [ops.stack(column) for column in columns]


def rows_where(mask_B: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """(B, ...): rows of one tensor where the mask (B,) is True, of the other elsewhere."""
    if keras.backend.backend() == "tensorflow":  # a third of the time of its `where`
        tf = importlib.import_module("tensorflow")
        return tf.raw_ops.Select(condition=mask_B, x=one, y=other)
    return ops.where(ops.reshape(mask_B, (-1, *[1] * (len(one.shape) - 1))), one, other)


def vector_jacobian_product(
    function: Callable[..., tuple[Tensors, Tensors]], arguments: Sequence[Tensor]
) -> tuple[Tensors, Pullback]:
    """The gradient of a function at a place.

    Args:
        function: of tensors to a list of tensors, and a list of others that are wanted as they are.
        arguments: the place.

    Returns:
        The others, and a function that takes gradients of the first list back to the arguments: 0
        for those it does not depend on.
    """
    backend = keras.backend.backend()
    if backend == "jax":
        _, pull, others = importlib.import_module("jax").vjp(function, *arguments, has_aux=True)
        return others, lambda gradients: list(pull(list(gradients)))
    if backend == "torch":
        return _vjp_torch(function, arguments)
    tf = importlib.import_module("tensorflow")
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        outputs, others = function(*arguments)

    def pull_back(gradients: Sequence[Tensor]) -> Tensors:
        zero = tf.UnconnectedGradients.ZERO
        return tape.gradient(outputs, arguments, list(gradients), unconnected_gradients=zero)

    return others, pull_back


def custom_gradient(
    function: Callable[..., tuple[Tensors, Pullback]], arguments: Sequence[Tensor]
) -> Tensors:
    """What a function gives, with a gradient of its own.

    Args:
        function: of tensors to a list of tensors, and the function that takes gradients of these
            back to its arguments.
        arguments: tensors, no variables.
    """
    single = keras.backend.backend() == "torch"
    shapes: list[tuple] = []

    @ops.custom_gradient
    def run(*given: Tensor) -> tuple:
        outputs, pull_back = function(*given)
        shapes.extend(tuple(each.shape) for each in outputs)

        def backward(*args: Tensor, upstream: Any = None) -> tuple:
            gradients = upstream_gradients(args, upstream)
            return tuple(pull_back(_apart(gradients[0], shapes) if single else list(gradients)))

        return (_joined(outputs) if single else tuple(outputs)), backward

    found = run(*arguments)
    return _apart(found, shapes) if single else list(found)


def _scan_tensorflow(
    body: Body,
    carry: Tensors,
    inputs: Tensors,
    like: Sequence[Tensor],
    reverse: bool,
    differentiable: bool,
) -> tuple[Tensors, Tensors]:
    tf = importlib.import_module("tensorflow")
    steps = tf.shape(inputs[0])[0]
    read = _copied(inputs, steps) if differentiable else _shared(inputs)
    stacked = [tf.TensorArray(each.dtype, size=steps, element_shape=each.shape) for each in like]

    def one_step(step: Any, carry: Tensors, stacked: list) -> tuple:
        carry, found = body(carry, read(step))
        stacked = [array.write(step, each) for array, each in zip(stacked, found, strict=True)]
        return (step - 1 if reverse else step + 1), carry, stacked

    _, carry, stacked = tf.while_loop(
        (lambda step, *_: step >= 0) if reverse else (lambda step, *_: step < steps),
        one_step,
        (steps - 1 if reverse else tf.constant(0), carry, stacked),
        parallel_iterations=1,
    )
    return carry, [array.stack() for array in stacked]


def _shared(inputs: Tensors) -> Callable[[Any], Tensors]:
    """Reads a step of each input without a copy; the gradient of each read is as large as all."""
    tf = importlib.import_module("tensorflow")

    def read(step: Any) -> Tensors:
        at = step[None]
        return [tf.strided_slice(each, at, at + 1, shrink_axis_mask=1) for each in inputs]

    return read


def _copied(inputs: Tensors, steps: Any) -> Callable[[Any], Tensors]:
    """Reads a step of each input from a copy; the gradient of each read is a step's."""
    tf = importlib.import_module("tensorflow")
    arrays = [
        tf.TensorArray(each.dtype, size=steps, element_shape=each.shape[1:]).unstack(each)
        for each in inputs
    ]
    return lambda step: [each.read(step) for each in arrays]


def _vjp_torch(
    function: Callable[..., tuple[Tensors, Tensors]], arguments: Sequence[Tensor]
) -> tuple[Tensors, Pullback]:
    torch = importlib.import_module("torch")
    with torch.enable_grad():
        leaves = [each.detach().requires_grad_() for each in arguments]
        outputs, others = function(*leaves)

    def pull_back(gradients: Sequence[Tensor]) -> Tensors:
        found = torch.autograd.grad(outputs, leaves, list(gradients), allow_unused=True)
        pairs = zip(leaves, found, strict=True)
        return [torch.zeros_like(leaf) if each is None else each for leaf, each in pairs]

    return [each.detach() for each in others], pull_back


def _joined(tensors: Sequence[Tensor]) -> Tensor:
    return ops.concatenate([ops.reshape(each, (-1,)) for each in tensors])


def _apart(joined: Tensor, shapes: Sequence[tuple]) -> Tensors:
    """What `_joined` was given."""
    parts, start = [], 0
    for shape in shapes:
        size = 1
        for length in shape:
            size *= length
        parts.append(ops.reshape(joined[start : start + size], shape))
        start += size
    return parts
