"""The convolutional front end is what its papers write: equal to an independent one in NumPy."""

import numpy as np
from plain_network import sigmoid, values

from seq2seq.models.convolution import ConvolutionalFront

UNITS, LENGTH = 6, 5


def relu(x):
    return np.maximum(x, 0)


def dense(layer, x):
    w = values(layer)
    return x @ w["kernel"] + w["bias"]


def convolved(layer, x):
    """Each position's window, zeros beyond the ends, times the filters."""
    w = values(layer)
    width = len(w["kernel"])
    padded = np.pad(x, [[width // 2, width // 2], [0, 0]])
    windows = [padded[place : place + width] for place in range(len(x))]
    return relu(np.einsum("swd,wdu->su", windows, w["kernel"]) + w["bias"])


def front(layer, x):
    """Lee et al. 2017, section 3.3, without pooling; Srivastava et al. 2015, eq. 3."""
    x = np.tanh(dense(layer.merge, np.concatenate([convolved(f, x) for f in layer.filters], 1)))
    for transform, gate in zip(layer.transforms, layer.gates, strict=True):
        share = sigmoid(dense(gate, x))
        x = share * relu(dense(transform, x)) + (1 - share) * x
    return x


def test_the_front_equals_its_equations_whatever_padding_holds():
    layer = ConvolutionalFront(UNITS)
    layer.build((None, None, UNITS))
    random = np.random.default_rng(4)
    layer.set_weights([random.normal(0, 0.5, weight.shape) for weight in layer.weights])
    vectors = random.normal(size=(1, LENGTH + 3, UNITS)).astype("float32")
    mask = np.arange(LENGTH + 3)[None] < LENGTH
    expected = front(layer, vectors[0, :LENGTH])
    np.testing.assert_allclose(layer(vectors, mask)[0, :LENGTH], expected, atol=1e-5)
    # Control: what is not marked as padding is seen.
    unmarked = layer(vectors, np.ones_like(mask))[0, :LENGTH]
    assert np.abs(unmarked - expected).max() > 1e-2
