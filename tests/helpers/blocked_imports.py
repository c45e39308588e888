"""A `seq2seq` command in a process where importing TensorFlow, Keras or a converter raises."""

import sys

BLOCKED = """
import sys
class Absent:
    def find_spec(self, name, *_):
        if name in ("tensorflow", "tensorflow_text", "keras", "tf2onnx", "onnx"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
from seq2seq.cli.main import main
main(sys.argv[1:])
"""
WITHOUT_TENSORFLOW = (sys.executable, "-c", BLOCKED)
