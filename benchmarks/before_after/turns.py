"""Each checkout in its turn, in a process of its own: trained and translated with on one core."""

import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.before_after import checkout_speed as child
from benchmarks.before_after.speeds import CHECKOUTS, Checkout, Speed
from benchmarks.peers.child import PeerError, run_child
from benchmarks.translation_speed.corpus import evenly
from seq2seq.config.loading import load_run_config
from seq2seq.data.lines import read_lines, read_pairs, write_lines
from seq2seq.errors import ConfigError
from seq2seq.files import file_sha256

VALIDATION_PAIRS = 20  # few, because a validation is no part of what is measured
SCORES = "scores.json"  # a run folder has it when its training has ended
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
MODES = {"greedy": {"beam_width": 1}, "beam 5": {"beam_width": 5}}


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much is trained and translated.

    Attributes:
        pairs: First pairs of the training text, for every training.
        brief_steps: Of the training of the networks that translate.
        steps: By the clock; as many before them, in which TensorFlow traces the network.
        sentences: Of the test text, evenly spread.
        shortest: Seconds that the timed passes over the sentences take together, at least.
    """

    pairs: int = 8000
    brief_steps: int = 400
    steps: int = 40
    sentences: int = 100
    shortest: float = 3.0


@dataclass(frozen=True)
class Network:
    """A settings file with a text of its own, short where length is only waited for."""

    config: Path
    text: tuple[str, ...]  # overrides of the section `data`, absolute paths
    sentences: tuple[str, ...]  # what is translated
    digest: str  # of the text's files

    @classmethod
    def prepare(cls, config: Path, folder: Path, sizes: Sizes) -> "Network":
        """Writes the text into `folder`: of several corpora, the first one's.

        Raises:
            Seq2SeqError: settings or text cannot be used.
        """
        data = load_run_config(config).data
        if not data.corpora:
            raise ConfigError(
                f"{config}: data.shards alone hold no text to train both checkouts on; name "
                "data.train_source and data.train_target too"
            )
        files = {
            "train": (data.corpora[0].source, data.corpora[0].target, sizes.pairs),
            "validation": (data.validation_source, data.validation_target, VALIDATION_PAIRS),
        }
        folder.mkdir(parents=True, exist_ok=True)
        overrides = ["data.test_source=null", "data.test_target=null"]  # a test is only waited for
        # Settings that older checkouts may not know are named where the file names them.
        without = {"train_weights": "null", "shards": "null", "train": "[]"}
        overrides += [f"data.{name}={no}" for name, no in without.items() if getattr(data, name)]
        digest = hashlib.sha256()
        for split, (source, target, count) in files.items():
            sides = zip(*islice(read_pairs(source, target), count), strict=True)
            for side, lines in zip(("source", "target"), sides, strict=True):
                path = (folder / f"{split}.{side}").resolve()
                write_lines(path, lines)
                digest.update(file_sha256(path).encode())
                overrides.append(f"data.{split}_{side}={json.dumps(str(path))}")
        unseen = list(read_lines(data.test_source or data.validation_source))
        sentences = tuple(evenly(unseen, sizes.sentences))
        return cls(config.resolve(), tuple(overrides), sentences, digest.hexdigest())

    @property
    def name(self) -> str:
        """For the reader."""
        return self.config.stem


@dataclass(frozen=True)
class Turns:
    """Two checkouts of this project, measured one after the other.

    Attributes:
        checkouts: Their folders.
        runs: Folder in which trained runs are kept for the next time.
        sizes: How much is trained and translated.
        overrides: Settings for every training in place of the files', "section.field=value".
    """

    checkouts: Mapping[Checkout, Path]
    runs: Path
    sizes: Sizes
    overrides: tuple[str, ...] = ()

    def brief_run(self, network: Network) -> Path:
        """A run that the other checkout trained, so that both open it.

        It is trained once, and kept for as long as settings, text and that checkout's code are the
        same.

        Raises:
            PeerError: the training failed.
        """
        warmup = max(1, self.sizes.brief_steps // 8)
        overrides = [
            *network.text,
            f"training.steps={self.sizes.brief_steps}",
            f"training.warmup_steps={warmup}",
            "training.averaging=0",  # averages over more steps than these hardly move
            *self.overrides,
        ]
        settings = network.config.read_text(encoding="utf-8") + "\n".join(overrides)
        settings += network.digest + _code(self.checkouts["other"])
        digest = hashlib.sha256(settings.encode()).hexdigest()[:8]
        run = (self.runs / f"{network.name}-{digest}").resolve()
        if not (run / SCORES).exists():
            print(f"{network.name}: trained into {run}", file=sys.stderr, flush=True)
            request = {"config": str(network.config), "run": str(run), "overrides": overrides}
            self._ask("other", "train", request)
        return run

    def training(self, network: Network, precision: str, number: int) -> Iterator[Speed]:
        """One turn of each checkout at training, the `number`th."""
        steps = self.sizes.steps
        overrides = [
            *network.text,
            f"training.steps={2 * steps}",
            f"training.validate_every={steps}",
            f"training.precision={precision}",
            *self.overrides,
        ]
        for checkout in CHECKOUTS:
            with tempfile.TemporaryDirectory() as name:
                run = str(Path(name) / "run")
                request = {"config": str(network.config), "run": run, "overrides": overrides}
                answer = self._answer(checkout, "train", request)
            if answer:
                yield Speed(
                    network=network.name,
                    task=f"training, {precision}",
                    unit="target tokens/s",
                    round=number,
                    checkout=checkout,
                    **answer,
                )

    def translation(
        self, network: Network, run: Path, precisions: Sequence[str], number: int
    ) -> Iterator[Speed]:
        """One turn of each checkout at translating in every mode and precision."""
        ways = {
            f"{mode}, {precision}": {**settings, "precision": precision}
            for mode, settings in MODES.items()
            for precision in precisions
        }
        request = {
            "run": str(run),
            "sentences": network.sentences,
            "decoding": ways,
            "shortest": self.sizes.shortest,
        }
        for checkout in CHECKOUTS:
            answers = self._answer(checkout, "translate", request) or {}
            for task, answer in answers.items():
                translations = tuple(answer.pop("translations"))
                yield Speed(
                    network=network.name,
                    task=task,
                    unit="sentences/s",
                    round=number,
                    checkout=checkout,
                    translations=translations,
                    **answer,
                )

    def _answer(self, checkout: Checkout, task: str, request: Mapping[str, Any]) -> Any:
        """What the checkout answered; None, with the reason on standard error, if it failed.

        One checkout may refuse what the other does, and the rest is worth measuring.
        """
        try:
            return self._ask(checkout, task, request)
        except PeerError as error:
            print(f"failed: {error}", file=sys.stderr, flush=True)
            return None

    def _ask(self, checkout: Checkout, task: str, request: Mapping[str, Any]) -> Any:
        folder = str(self.checkouts[checkout])
        asked = json.dumps({"checkout": folder, "task": task, **request})
        command = [sys.executable, child.__file__, asked]
        purpose = f"{checkout} checkout ({folder}): {task}"
        output = run_child(command, purpose, {**ONE_THREAD, "PYTHONPATH": folder})
        return json.loads(output.splitlines()[-1])


def _code(checkout: Path) -> str:
    """The SHA-256 of each file of a checkout's package."""
    return "".join(file_sha256(path) for path in sorted((checkout / "seq2seq").rglob("*.py")))
