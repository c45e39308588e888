"""Makes Keras know the layers of this package, without loading Keras for those who do not use it.

`keras.saving.load_model` finds classes by name in a list that modules add theirs to when they are
imported. Importing them all with the package would load TensorFlow for `seq2seq --help`; so they
are imported right after Keras, whoever imports it.
"""

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

LAYERS = (
    "seq2seq.models.translator",
    "seq2seq.models.loss",
    "seq2seq.models.recurrent.plain_recurrence",
)


def register_layers() -> None:
    """Imports every module with layers, at once or as soon as Keras is there."""
    if "keras" in sys.modules:
        _import_layers()
    elif not any(isinstance(finder, _KerasFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _KerasFinder())


def _import_layers() -> None:
    """Leaves it to a module of them that is being imported, and imports Keras: it is not whole."""
    models = [module for name, module in sys.modules.items() if name.startswith("seq2seq.models.")]
    if not any(getattr(module.__spec__, "_initializing", False) for module in models):
        for name in LAYERS:
            importlib.import_module(name)


class _KerasFinder(MetaPathFinder):
    """Hears that Keras is imported, once."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "keras":
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        if spec and spec.loader:
            spec.loader = _KerasLoader(spec.loader)
        return spec


class _KerasLoader(Loader):
    """Keras's own loader, and our layers after it."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        _import_layers()
