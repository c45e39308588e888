"""From files to an epoch's batches: every line once, and on from where it was left."""

import pytest
import tensorflow as tf

from seq2seq.data.pipeline import encode, text_pairs, training_batches

FIRST = 4  # ids below are special


def content(batches):
    return [tuple(side.tolist() for side in batch) for batch in batches.as_numpy_iterator()]


@pytest.fixture
def files(tmp_path):
    """Two parallel files of 1300 lines, more than two chunks; line n of each holds n."""
    paths = tmp_path / "source", tmp_path / "target"
    for path in paths:
        path.write_text("".join(f"{n} {path.name}\n" for n in range(1300)))
    return paths


def test_two_files_are_streamed_whole_and_in_order(files):
    chunks = list(text_pairs(*files).as_numpy_iterator())
    assert [(first, len(sources)) for first, sources, _ in chunks] == [
        (0, 512),
        (512, 512),
        (1024, 276),
    ]
    lines = [pair for _, *sides in chunks for pair in zip(*sides, strict=True)]
    assert lines == [(b"%d source" % n, b"%d target" % n) for n in range(1300)]


def test_lines_are_streamed_as_they_are(tmp_path):
    lines = ["", "a\0", "\0", "grüß\u2028x", " ", "日" * 5000]
    path = tmp_path / "lines"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    ((first, sources, targets),) = text_pairs(path, path).as_numpy_iterator()
    assert [line.decode() for line in sources] == [line.decode() for line in targets] == lines


def test_files_of_unequal_counts_stop_the_stream(files):
    files[1].write_text("0 target\n")
    with pytest.raises(tf.errors.UnknownError, match="has 1300 lines but .*target has 1;"):
        list(text_pairs(*files))


def test_encoding_keeps_order_and_knows_line_numbers(files):
    def number_of_line(texts, first):
        numbers = tf.range(tf.cast(first, tf.int32), tf.cast(first, tf.int32) + tf.size(texts))
        return tf.RaggedTensor.from_tensor(numbers[:, None])

    def written_number(texts, _):
        return tf.strings.to_number(tf.strings.split(texts)[:, :1], tf.int32)

    pairs = text_pairs(*files).apply(encode(number_of_line, written_number))
    assert content(pairs) == [([n], [n]) for n in range(1300)]


def epoch(files, seed, shuffle_buffer=700):
    """Each line becomes its characters, moved past the special ids."""

    def characters(texts, _):
        return tf.strings.unicode_decode(texts, "UTF-8") + FIRST

    return training_batches(
        text_pairs(*files),
        encode(characters, characters),
        longest=10,
        shuffle_buffer=shuffle_buffer,
        tokens=100,
        seed=seed,
    )


def test_an_epoch_holds_each_usable_pair_once(files):
    batches = content(epoch(files, seed=1))
    rows = [row for source_ids, _, _ in batches for row in source_ids]
    texts = ["".join(chr(i - FIRST) for i in row if i >= FIRST) for row in rows]
    assert sorted(texts) == sorted(f"{n} source" for n in range(1000))  # from 1000 on: too long


def test_an_epoch_is_a_function_of_its_seed(files):
    batches = epoch(files, seed=1)
    assert content(batches) == content(batches) == content(epoch(files, seed=1))
    assert content(batches) != content(epoch(files, seed=2))


@pytest.mark.parametrize("used", [1, 40])
def test_an_epoch_continues_exactly_where_it_was_left(files, used):
    whole = content(epoch(files, seed=1))
    assert content(epoch(files, seed=1).skip(used)) == whole[used:]
    assert len(whole) > used + 10


def test_the_shuffle_buffer_mixes_pairs_across_batches(files):
    mixed, unmixed = (content(epoch(files, 1, shuffle_buffer=n)) for n in (700, 1))
    members = [{frozenset(map(tuple, batch[0])) for batch in epoch} for epoch in (mixed, unmixed)]
    assert members[0] != members[1]
