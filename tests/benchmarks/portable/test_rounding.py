"""What rounded weights are compared by, with models that are not there."""

from types import SimpleNamespace

from benchmarks.portable import rounding


def test_the_first_pass_of_each_model_is_no_part_of_its_rate(tmp_path, monkeypatch, capsys):
    now = [0.0]
    passes = {"float32": 0, "int8": 0}

    class Translator:
        def __init__(self, subwords, search, longest):
            self._weights = search

        def __call__(self, windows):
            passes[self._weights] += 1
            now[0] += 100.0 if passes[self._weights] == 1 else 2.0
            return windows

    subwords = SimpleNamespace(encode_all=lambda texts: [[1, 2, 3]] * len(texts))
    exported = SimpleNamespace(subwords=subwords, decoding=SimpleNamespace(longest_source=9))
    monkeypatch.setattr(rounding.time, "process_time", lambda: now[0])
    monkeypatch.setattr(rounding, "load_exported", lambda *_: exported)
    monkeypatch.setattr(rounding, "rewrite", lambda *_: None)
    monkeypatch.setattr(rounding, "OnnxSearch", lambda path, threads: path.stem)
    monkeypatch.setattr(rounding, "batch_search", lambda search, decoding: search)
    monkeypatch.setattr(rounding, "LineTranslator", Translator)
    monkeypatch.setattr(rounding, "joined", lambda line, _: [SimpleNamespace(text=line)])
    (tmp_path / rounding.MODEL).touch()
    rounding._measure(tmp_path, ("float32", "int8"), ["ein Hund"], ["a dog"], 3)
    rows = capsys.readouterr().out.splitlines()
    assert passes == {"float32": 4, "int8": 4}
    assert [row.split(" | ")[-1] for row in rows] == ["2 (2 to 2) |"] * 2  # 4 tokens in 2 seconds
