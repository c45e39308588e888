"""Add to a corpus what trained runs make of it: their translations beside the real text.

Translations by several runs, of both directions, make more training text (Nguyen et al. 2020,
https://arxiv.org/abs/1911.01986); those by a better or larger network teach a smaller one (Kim and
Rush 2016, https://arxiv.org/abs/1606.07947); those of text in the target language alone are
back-translations (Sennrich et al. 2016, https://arxiv.org/abs/1511.06709).
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seq2seq.config.corpora import DataConfig
from seq2seq.config.languages import Languages, primary
from seq2seq.config.loading import with_decoding
from seq2seq.data.lines import equal_lines, read_lines
from seq2seq.data.read_ahead import MOST_CHARACTERS, windows
from seq2seq.data.resumable_output import PartialOutput, check_output, lines_begun
from seq2seq.errors import DataError
from seq2seq.files import file_sha256
from seq2seq.manifest import MANIFEST
from seq2seq.run_folder import RunFolder
from seq2seq.translation.line_translator import LineReporter, joined
from seq2seq.translation.loading import load_translator
from seq2seq.translation.text_translator import WINDOW

SIDES = ("source", "target")


@dataclass(frozen=True)
class Text:
    """What is translated: a parallel corpus, or one side of what becomes one.

    Attributes:
        files: source and target of the corpus; None: there is no such text.
        ends: what the names of the new files end in.
        languages: BCP 47 tags, where they are known.
    """

    files: tuple[Path | None, Path | None]
    ends: tuple[str, str]
    languages: Languages

    def lines(self) -> int:
        """Lines of each side.

        Raises:
            DataError: the sides have different numbers of lines, or none.
        """
        files = [path for path in self.files if path]
        count = equal_lines(files)
        if not count:
            raise DataError(f"{files[0]} is empty; give a file with a sentence a line")
        return count


@dataclass(frozen=True)
class AugmentJob:
    """What translates what, and into which folder."""

    runs: Sequence[Path]
    text: Text
    folder: Path  # gets train.END of both sides
    settings: Mapping[str, Any]  # decoding settings in place of the runs'
    times: int = 1  # that each translates the text; by sampling, each time with another seed
    vote: bool = False  # whether runs of one direction translate together, as an ensemble
    tag: str = ""  # before each line of the source side
    resume: bool = False
    replace: bool = False  # files that are there

    @property
    def outputs(self) -> tuple[Path, Path]:
        """The files of the new corpus."""
        source, target = (self.folder / f"train.{end}" for end in self.text.ends)
        return source, target


@dataclass(frozen=True)
class Teacher:
    """What translates one side of the text, once through."""

    runs: tuple[Path, ...]  # they vote
    side: int  # that is read: 0 or 1
    settings: Mapping[str, Any]
    into: str | None = None  # target language, of runs that have several


def augment(job: AugmentJob, reporter: LineReporter) -> int:
    """Writes a corpus of real lines, each beside its translation; returns its number of pairs.

    It has as many pairs as the text, in the text's order, for each teacher, one after the other. A
    blank line stays blank. Both files appear when they are whole.

    Args:
        job: what to translate, and into what.
        reporter: hears how far it is, in lines of all teachers.

    Raises:
        Seq2SeqError: a run, a setting or a file cannot be used.
    """
    lines, teachers = job.text.lines(), teachers_of(job)
    named = _check_outputs(job, lines * len(teachers))
    job.folder.mkdir(parents=True, exist_ok=True)
    identity = _identity(job, teachers)
    with ExitStack() as stack:
        outputs = [
            stack.enter_context(PartialOutput(path, identity, job.resume))
            for path in job.outputs
            if path != named
        ]
        start = min(output.lines_done for output in outputs)
        reporter.started(start)
        for done, pairs in _translated(job, teachers, lines, start):
            for output, side in zip(outputs, zip(*pairs, strict=True), strict=True):
                if output.lines_done < done:  # after a kill one of them may be a window ahead
                    output.write(done, "".join(f"{line}\n" for line in side).encode())
            reporter.advanced(len(pairs))
    return lines * len(teachers)


def teachers_of(job: AugmentJob) -> list[Teacher]:
    """Who translates which side, in the order in which they do.

    Raises:
        DataError: a run translates another direction, or a text that is not given.
        ConfigError: a setting is none that a run takes.
    """
    if any(end in job.tag for end in "\r\n"):
        raise DataError(f"--tag {job.tag!r} has a line end; give it in one line")
    groups: dict[Any, list[Path]] = {}
    configs = {run: RunFolder.open(run).config() for run in job.runs}
    ways = [_side_read(run, configs[run].data, job.text) for run in job.runs]
    for number, (run, way) in enumerate(zip(job.runs, ways, strict=True)):
        groups.setdefault(way if job.vote else (*way, number), []).append(run)
    first = job.settings.get("seed", 1)
    teachers = [
        Teacher(tuple(runs), side, {**job.settings, "n_best": 1, "seed": first + number}, into)
        for (side, into, *_), runs in groups.items()
        for number in range(job.times)
    ]
    for teacher in teachers:  # before the first of them translates for hours
        with_decoding(configs[teacher.runs[0]], teacher.settings)
    return teachers


def _side_read(run: Path, data: DataConfig, text: Text) -> tuple[int, str | None]:
    """The side of the text that a run translates, and the tag's language, if it has tags.

    Where languages do not say, it is the source.
    """
    own, sides = data.languages, (text.languages.source, text.languages.target)
    given = [side for side in (0, 1) if text.files[side]]
    if None in (own.source, own.target, *sides) or sides[0] == sides[1]:
        return given[0], None
    for side in given:
        read, written = str(sides[side]), str(sides[1 - side])
        if data.tags:
            same = [each for each in data.tags.known if primary(each) == primary(written)]
        else:
            fits = _alike(own.source, read) and _alike(own.target, written)
            same = [written] if fits else []
        if same:
            return side, same[0] if data.tags else None
    into = ", ".join(data.tags.known) if data.tags else own.target
    lacking = "".join(f", with no text in {sides[side]}" for side in (0, 1) if side not in given)
    raise DataError(
        f"{run} translates {own.source} into {into}, and the corpus is {sides[0]} and {sides[1]}"
        f"{lacking}; give runs of these languages"
    )


def _alike(one: str | None, other: str) -> bool:
    return primary(str(one)) == primary(other)


def _check_outputs(job: AugmentJob, pairs: int) -> Path | None:
    """The output that has its name, of a job that was stopped just before the other got its own."""
    for path in job.outputs:
        check_output(path, job.text.files)
        packed = path.with_name(f"{path.name}.gz")
        if packed.exists():  # which nobody would read any more beside it
            raise DataError(f"{packed} is there already, compressed; pass another -o")
    begun = {path: lines_begun(path) for path in job.outputs} if job.resume else {}
    there = [path for path in job.outputs if path.exists() and begun.get(path) is None]
    if len(there) == 1 and pairs in begun.values():
        return there[0]
    if there and not job.replace:
        raise DataError(
            f"{there[0]} is there already; pass another -o, or --replace to write over it"
        )
    return None


def _identity(job: AugmentJob, teachers: Sequence[Teacher]) -> dict[str, Any]:
    """What must be the same for the job to go on."""
    found: dict[str, Any] = {
        "teachers": [
            {
                "runs": [file_sha256(run / MANIFEST) for run in teacher.runs],
                "side": SIDES[teacher.side],
                "settings": dict(teacher.settings),
            }
            for teacher in teachers
        ],
        "tag": job.tag,
    }
    for name, path in zip(SIDES, job.text.files, strict=True):
        if path:
            status = path.stat()
            found[name] = [str(path.resolve()), status.st_size, status.st_mtime_ns]
    return found


def _translated(
    job: AugmentJob, teachers: Sequence[Teacher], lines: int, start: int
) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """After each window: pairs done in all, and the window's pairs."""
    tag = f"{job.tag} " if job.tag else ""
    for number, teacher in enumerate(teachers):
        done = max(0, start - number * lines)
        path = job.text.files[teacher.side]
        if done >= lines or path is None:
            continue
        run, *others = teacher.runs
        translator = load_translator(run, teacher.settings, others)
        if teacher.into:
            translator = translator.into(teacher.into)
        translate = translator.line_translator()
        left = itertools.islice(read_lines(path), done, None)
        for window in windows(left, WINDOW, MOST_CHARACTERS):
            (found,) = translate([window], done)
            texts = [joined(line, translator.subwords)[0].text for line in found]
            both = (window, texts) if teacher.side == 0 else (texts, window)
            done += len(window)
            yield (
                number * lines + done,
                [
                    (f"{tag}{source}" if source.strip() else source, target)
                    for source, target in zip(*both, strict=True)
                ],
            )
