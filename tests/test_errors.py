"""Advice in messages fits the distribution that is installed."""

from importlib.metadata import PackageNotFoundError

from seq2seq import errors


def test_packages_are_added_to_the_distribution_that_is_there(monkeypatch):
    assert errors.install_extra("grpc") == "pip install 'seq2seq-keras[grpc]'"

    def version(name):
        if name != errors.RUNTIME:
            raise PackageNotFoundError(name)
        return "0"

    monkeypatch.setattr(errors, "version", version)
    advice = errors.install_extra("grpc")
    assert advice == "pip install 'seq2seq-keras[grpc]', in an environment without seq2seq-runtime"
