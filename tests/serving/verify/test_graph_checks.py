import pytest
import tensorflow as tf
import toy_models
from tensorflow.core.framework.tensor_shape_pb2 import TensorShapeProto
from tensorflow.core.framework.types_pb2 import DT_DOUBLE, DT_HALF, DT_INT64

from seq2seq.errors import ExportError
from seq2seq.serving.verify.graph_checks import graph_checks


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A model with `serving_default` alone, the control of all that is planted here."""
    return toy_models.save_plain(tmp_path_factory.mktemp("plain") / "1")


def problems(path, parameter_bytes=None):
    """Messages by check, of the checks that did not pass."""
    return {
        check.name: check.messages for check in graph_checks(path, parameter_bytes) if not check.ok
    }


def test_a_good_model_has_no_problems(plain):
    assert problems(plain) == {}
    assert problems(toy_models.good_model(), toy_models.toy().parameter_bytes) == {}


def python_function(text):
    (capitals,) = tf.py_function(lambda each: [tf.strings.upper(each)], [text], [tf.string])
    return {"translation": tf.ensure_shape(capitals, [None])}


def numpy_function(text):
    capitals = tf.numpy_function(lambda each: each, [text], tf.string)
    return {"translation": tf.ensure_shape(capitals, [None])}


def cudnn(text):
    rows = tf.shape(text)[0]
    zeros = tf.zeros([1, rows, 4])
    sizes = {"num_layers": 1, "num_units": 4, "input_size": 4}
    weights = tf.zeros([tf.raw_ops.CudnnRNNParamsSize(T=tf.float32, S=tf.int32, **sizes)[0]])
    output, *_ = tf.raw_ops.CudnnRNNV3(
        input=zeros,
        input_h=zeros,
        input_c=zeros,
        params=weights,
        sequence_lengths=tf.ones([rows], tf.int32),
    )
    return {"score": tf.reshape(output[0, :, 0], [-1])}


@pytest.mark.parametrize(
    "function, operation, remedy",
    [
        (python_function, "EagerPyFunc", "write it in TensorFlow operations"),
        (numpy_function, "PyFunc", "write it in TensorFlow operations"),
        (cudnn, "CudnnRNNV3", "set use_cudnn=False"),
    ],
)
def test_an_operation_that_a_cpu_server_lacks_is_found(tmp_path, function, operation, remedy):
    path = toy_models.save_plain(tmp_path / "1", planted=function)
    found = problems(path)
    assert found.keys() == {"operations"}
    (message,) = [each for each in found["operations"] if each.startswith(f"{operation} (")]
    assert "in function __inference_" in message
    assert remedy in message


def test_a_text_operation_that_servers_do_not_link_is_found(plain, tmp_path):
    """tensorflow_text is imported here, so TensorFlow's registry in Python has it."""

    def plant(saved):
        saved.meta_graphs[0].graph_def.node.add(
            name="planted", op="TFText>FastSentencepieceTokenize"
        )

    found = problems(toy_models.copy(plain, tmp_path / "1", plant))
    assert found.keys() == {"operations"}
    assert 'first "planted" in the graph): neither TensorFlow nor' in found["operations"][0]


def test_an_operation_without_a_cpu_kernel_is_found(plain, tmp_path):
    def plant(saved):
        saved.meta_graphs[0].graph_def.node.add(name="planted", op="NcclAllReduce")

    found = problems(toy_models.copy(plain, tmp_path / "1", plant))
    assert "has no CPU kernel for it" in found["operations"][0]


@pytest.mark.parametrize("compiled", [True, False])
def test_a_function_that_insists_on_xla_is_found(tmp_path, compiled):
    @tf.function(jit_compile=compiled)
    def double(counts):
        return counts * 2

    def doubled(text):
        return {"doubled": double(tf.strings.length(text))}

    found = problems(toy_models.save_plain(tmp_path / "1", doubled=doubled))
    assert found.keys() == ({"compilation"} if compiled else set())
    if compiled:
        assert "__inference_double" in found["compilation"][0]
        assert "_XlaMustCompile" in found["compilation"][0]


@pytest.mark.parametrize(
    "device, fits", [("/CPU:0", True), ("/GPU:0", False), ("/job:worker/GPU:1", False)]
)
def test_a_node_bound_to_another_device_is_found(tmp_path, device, fits):
    def bound(text):
        with tf.device(device):
            return {"count": tf.strings.length(text)}

    found = problems(toy_models.save_plain(tmp_path / "1", bound=bound))
    assert found.keys() == (set() if fits else {"devices"})
    assert all("GPU" in message for message in found.get("devices", ()))


def edit_signature(change):
    """An edit of `serving_default`, whose input and output `change` gets beside it."""

    def edit(saved):
        signature = saved.meta_graphs[0].signature_def["serving_default"]
        change(signature, signature.inputs["text"], signature.outputs["translation"])

    return edit


def rename(signature, text, translation):
    signature.outputs["translation_bytes"].CopyFrom(translation)
    del signature.outputs["translation"]


def add_output(signature, text, translation):
    signature.outputs["score"].CopyFrom(translation)


def name_both_alike(signature, text, translation):
    signature.outputs["text"].CopyFrom(translation)
    del signature.outputs["translation"]


def set_shape(which, *sizes):
    def change(signature, text, translation):
        info = {"text": text, "translation": translation}[which]
        info.tensor_shape.CopyFrom(
            TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in sizes])
        )

    return change


def set_dtype(which, dtype):
    def change(signature, text, translation):
        {"text": text, "translation": translation}[which].dtype = dtype

    return change


def forget_rank(signature, text, translation):
    translation.tensor_shape.CopyFrom(TensorShapeProto(unknown_rank=True))


def set_method(signature, text, translation):
    signature.method_name = "tensorflow/serving/classify"


@pytest.mark.parametrize(
    "change, message",
    [
        (rename, "output 'translation_bytes' would come as base64"),
        (add_output, "has outputs score, translation; leave one"),
        (name_both_alike, "input and output are both named 'text'"),
        (set_shape("translation"), "output 'translation' is a scalar"),
        (set_shape("text"), "input 'text' is a scalar"),
        (set_shape("text", 8), "input 'text' has first dimension 8"),
        (forget_rank, "output 'translation' has no known rank"),
        (set_dtype("translation", DT_HALF), "output 'translation' is float16; cast it"),
        (set_dtype("translation", DT_INT64), "output 'translation' is int64; cast it"),
        (set_dtype("text", DT_DOUBLE), "input 'text' is float64; cast it"),
        (set_method, "its method is 'tensorflow/serving/classify'"),
    ],
)
def test_a_signature_that_the_server_cannot_offer_is_found(plain, tmp_path, change, message):
    found = problems(toy_models.copy(plain, tmp_path / "1", edit_signature(change)))
    assert found.keys() == {"signatures"}
    (only,) = found["signatures"]
    assert message in only


def test_ids_may_be_int64_going_in(plain, tmp_path):
    change = edit_signature(set_dtype("text", DT_INT64))
    assert problems(toy_models.copy(plain, tmp_path / "1", change)) == {}


def test_a_model_without_the_default_signature_is_found(plain, tmp_path):
    def rename_default(saved):
        signatures = saved.meta_graphs[0].signature_def
        signatures["translate"].CopyFrom(signatures["serving_default"])
        del signatures["serving_default"]

    found = problems(toy_models.copy(plain, tmp_path / "1", rename_default))
    assert found == {"signatures": ("serving_default is missing; clients that name none get it",)}


def test_an_output_of_a_traced_scalar_is_found(tmp_path):
    def total(text):
        return {"total": tf.reduce_sum(tf.strings.length(text))}

    found = problems(toy_models.save_plain(tmp_path / "1", total=total))
    assert found == {
        "signatures": (
            "total: output 'total' is a scalar; give it the batch as its first dimension",
        )
    }


def test_weights_stored_twice_are_found_with_or_without_their_size(tmp_path):
    path = toy_models.save_archive(tmp_path / "1", track_network=True)
    size = toy_models.toy().parameter_bytes
    (first, second) = problems(path)["weights"]
    assert "hold the same" in first and "track the tokenizer only" in second
    with_size = problems(path, size)["weights"]
    assert with_size[-1].startswith(f"variables/variables holds {2 * size} bytes, the model's")


@pytest.mark.parametrize("difference", [-5000, 5000])
def test_weights_of_another_size_are_found(difference):
    size = toy_models.toy().parameter_bytes + difference
    found = problems(toy_models.good_model(), size)
    assert found.keys() == {"weights"}


def test_biases_that_are_alike_are_no_weight_stored_twice(tmp_path):
    module = tf.Module()
    module.first, module.second = tf.Variable(tf.zeros([999])), tf.Variable(tf.zeros([999]))
    tf.saved_model.save(module, str(tmp_path / "1"))
    assert "weights" not in problems(tmp_path / "1")
    module.first.assign(tf.range(999.0))
    module.second.assign(tf.range(999.0))
    tf.saved_model.save(module, str(tmp_path / "2"))
    assert "weights" in problems(tmp_path / "2")


def test_lost_weights_are_found(tmp_path):
    path = toy_models.copy(toy_models.good_model(), tmp_path / "1")
    (path / "variables" / "variables.index").unlink()
    (message,) = problems(path)["weights"]
    assert "variables/variables cannot be read" in message


def test_what_is_no_saved_model_is_told(tmp_path):
    with pytest.raises(ExportError, match="has no saved_model.pb"):
        graph_checks(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"\xff" * 9)
    with pytest.raises(ExportError, match="saved_model.pb is damaged"):
        graph_checks(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"")
    with pytest.raises(ExportError, match='no graph tagged "serve"'):
        graph_checks(tmp_path)
