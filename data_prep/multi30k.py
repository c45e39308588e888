"""Fetch Multi30k, task 1: 29,000 image captions in English, German, French and Czech.

For research and teaching; the terms are on the dataset's page, https://github.com/multi30k/dataset.
Cite Elliott, Frank, Sima'an and Specia, Multi30K: Multilingual English-German Image Descriptions,
2016, https://aclanthology.org/W16-3210.
"""

import argparse
import gzip
import hashlib
import http.client
import io
import logging
import urllib.request
from pathlib import Path

from data_prep.arguments import add_output, check_languages, verb_parser
from data_prep.corpus_folder import describe_corpus, open_corpus
from seq2seq.data.lines import decode_lines
from seq2seq.errors import DataError

logger = logging.getLogger(__name__)

ADDRESS = "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw/"
TIMEOUT = 30.0  # seconds without an answer
SPLITS = ("train", "val", "test_2016_flickr")
LANGUAGES = ("en", "de", "fr", "cs")
SHA256 = {
    "train.en.gz": "d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f",
    "train.de.gz": "726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6",
    "train.fr.gz": "622e75069e9f4c577425c4f277116ce66e63a2401c0a2312d90073cb12379a3c",
    "train.cs.gz": "a65adb8b32e3bc664f21ecba7a6e7f6950fd1f405e135f7c312faabdb6255077",
    "val.en.gz": "14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28",
    "val.de.gz": "f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a",
    "val.fr.gz": "ca3106f1a72390591d25f6c45cb4cd39dec4cd3f123e099748a3ce5256c160e9",
    "val.cs.gz": "b63226e05c4bd5dd6a42897d74b86a1b9d2c31498252c572b1ea7f7996927fcc",
    "test_2016_flickr.en.gz": "611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9",
    "test_2016_flickr.de.gz": "9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8",
    "test_2016_flickr.fr.gz": "6d326e188d259fb1d04ac19eae3af956559b3a0b93d7635e56c90987c40c8b90",
    "test_2016_flickr.cs.gz": "200a4a74cc9560f051924abb9803be008d1908d77f747e9141aeb86dfd2797f1",
}


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the verb `multi30k`."""
    parser = verb_parser(subparsers, "multi30k", __doc__)
    add_output(parser)
    parser.add_argument("--source", required=True, choices=LANGUAGES)
    parser.add_argument("--target", required=True, choices=LANGUAGES)
    parser.add_argument(
        "--from",
        dest="mirror",
        type=Path,
        metavar="MIRROR_DIR",
        help="folder that holds the .gz files already, instead of the network",
    )
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> str:
    """Fetches, checks and unpacks the files of two languages, and says what was written."""
    languages = check_languages(options)
    packed = {
        (split, language): fetch(f"{split}.{language}.gz", options.mirror)
        for split in SPLITS
        for language in languages
    }
    with open_corpus(options.output, SPLITS, languages, options.replace) as writer:
        for split in SPLITS:
            sources, targets = (unpack(packed[split, language]) for language in languages)
            for source, target in zip(sources, targets, strict=True):
                writer.add(split, source, target)
    return describe_corpus(options.output, languages, writer.counts)


def fetch(name: str, mirror: Path | None) -> bytes:
    """One .gz file from the mirror folder or the network, checked against its SHA-256.

    Raises:
        DataError: the file is out of reach, or not the published one.
    """
    content = _read(mirror / name) if mirror else _download(name)
    digest = hashlib.sha256(content).hexdigest()
    if digest != SHA256[name]:
        raise DataError(
            f"{mirror / name if mirror else ADDRESS + name} has SHA-256 {digest}, but the "
            f"published file has {SHA256[name]}; it is altered or cut short, fetch it again"
        )
    return content


def unpack(content: bytes) -> list[str]:
    """The lines of a .gz file."""
    return list(decode_lines(io.BytesIO(gzip.decompress(content)), "Multi30k"))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}; --from takes a folder with the .gz files of "
            f"{ADDRESS}"
        ) from error


def _download(name: str) -> bytes:
    logger.info("downloading %s%s", ADDRESS, name)
    try:
        with urllib.request.urlopen(ADDRESS + name, timeout=TIMEOUT) as response:
            return response.read()
    except (OSError, http.client.HTTPException) as error:
        raise DataError(
            f"{ADDRESS}{name} cannot be downloaded: {error}; without a network, copy the .gz files "
            "into a folder and pass --from DIR"
        ) from error
