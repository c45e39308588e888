import pytest

from seq2seq.config.languages import UNKNOWN, Languages
from seq2seq.serving.saved_model.languages import MANIFEST_FILE, read_languages


@pytest.mark.parametrize(
    ("manifest", "languages"),
    [
        (b'{"languages": {"source": "en", "target": "pt-BR"}}', Languages("en", "pt-BR")),
        (b'{"languages": {"source": "en", "target": null}}', Languages("en", None)),
        (b'{"languages": {"source": 1, "target": "de"}}', UNKNOWN),
        (b'{"format": 1}', UNKNOWN),
        (b"[" * 100_000, UNKNOWN),
        (None, UNKNOWN),
    ],
)
def test_a_models_languages_are_those_of_its_manifest(tmp_path, manifest, languages):
    if manifest is not None:
        (tmp_path / MANIFEST_FILE).parent.mkdir()
        (tmp_path / MANIFEST_FILE).write_bytes(manifest)
    assert read_languages(tmp_path) == languages
