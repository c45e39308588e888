"""What `make demo` says of its translator at the end."""

import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


def what_demo_says(folder, count):
    """`make try` of a run that translates every second of `count` sentences as the grammar does."""
    sentences = [f"sentence {number}" for number in range(count)]
    (folder / "source_words.tsv").write_text("the\t5\ndog\t2\ncat\t1\n")
    for name, line in (("test.en", "{}"), ("test.de", "Satz {}"), ("translations.txt", "Satz {}")):
        written = [
            line.format(text) if name != "translations.txt" or number % 2 else "falsch"
            for number, text in enumerate(sentences)
        ]
        (folder / name).write_text("".join(f"{each}\n" for each in written))
    command = ["make", "--no-print-directory", "try", f"RUN={folder}", f"TEST={folder / 'test'}"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_demo_counts_words_and_offers_ten_sentences_that_it_translates(tmp_path):
    lines = what_demo_says(tmp_path, 40)
    assert lines[0].split()[:5] == ["Words", "it", "knows:", "3,", "listed"]
    assert "20 of 40 unseen sentences" in lines[1]
    offered = [line.strip() for line in lines if line.startswith("    sentence")]
    assert offered == [f"sentence {number}" for number in range(1, 40, 4)]


def test_demo_offers_no_sentence_twice(tmp_path):
    offered = [line for line in what_demo_says(tmp_path, 12) if line.startswith("    sentence")]
    assert len(offered) == len(set(offered)) == 6
