"""Sample configuration files for tensorflow_model_server, written beside a model's versions.

Each carries a checksum of itself: a file that still has it is brought up to date by the next
export, one that was edited is left alone.
"""

from hashlib import sha256
from pathlib import Path

from seq2seq.files import write_atomically

MODELS = """\
# tensorflow_model_server --model_config_file=models.config
# The server takes up new versions by itself. To keep two of them and to name them, give it a
# version policy and labels, and start it with --allow_version_labels_for_unavailable_models=true.
model_config_list {
  config {
    name: "MODEL_NAME"
    base_path: "/models/MODEL_NAME"  # where the server finds the directory of this file
    model_platform: "tensorflow"
    # model_version_policy { specific { versions: 1 versions: 2 } }
    # version_labels { key: "stable" value: 1 }
    # version_labels { key: "canary" value: 2 }
  }
}
"""

BATCHING = """\
# tensorflow_model_server --enable_batching=true --batching_parameters_file=batching.txt
# Requests that arrive within the timeout run as one batch; a full queue answers UNAVAILABLE.
max_batch_size { value: 32 }
batch_timeout_micros { value: 2000 }
max_enqueued_batches { value: 100 }
num_batch_threads { value: 4 }  # set it to the number of cores
"""

MONITORING = """\
# tensorflow_model_server --rest_api_port=8501 --monitoring_config_file=monitoring.txt
prometheus_config { enable: true path: "/monitoring/prometheus/metrics" }
"""

CHECKSUM = "# checksum of the lines below, as `seq2seq export` wrote them: "


SAMPLE_FILES = {"models.config": MODELS, "batching.txt": BATCHING, "monitoring.txt": MONITORING}
NAME = "MODEL_NAME"  # stands for the model's in the samples


def write_samples(model: Path) -> list[Path]:
    """Writes the samples into a model's directory; returns those it left alone for being edited."""
    edited = []
    for file, sample in SAMPLE_FILES.items():
        path, text = model / file, sample.replace(NAME, model.absolute().name)
        if path.exists() and not _is_unedited(path):
            edited.append(path)
            continue
        with write_atomically(path) as stream:
            stream.write(_signed(text).encode())
    return edited


def _signed(text: str) -> str:
    return f"{CHECKSUM}{sha256(text.encode()).hexdigest()[:16]}\n{text}"


def _is_unedited(path: Path) -> bool:
    try:
        first, _, text = path.read_bytes().decode().partition("\n")
    except (OSError, UnicodeDecodeError):
        return False
    return first.startswith(CHECKSUM) and _signed(text).startswith(first + "\n")
