"""The completion scripts complete, as the shell runs them."""

import subprocess

import pytest
from command_line import run_command


def completed(script, words, folder):
    """What bash offers for the last of some words."""
    asked = " ".join(f"'{word}'" for word in words)
    command = (
        f"source {script}; COMP_WORDS=({asked}); COMP_CWORD={len(words) - 1}; "
        'COMP_LINE="${COMP_WORDS[*]}"; _shtab_seq2seq; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_bash_completes_verbs_options_and_files(tmp_path):
    script = tmp_path / "seq2seq.bash"
    script.write_text(run_command("completion", "bash"))
    (tmp_path / "runs").mkdir()
    assert completed(script, ["seq2seq", "tr"], tmp_path) == ["train", "translate"]
    assert completed(script, ["seq2seq", "translate", "--bea"], tmp_path) == ["--beam"]
    assert completed(script, ["seq2seq", "translate", "ru"], tmp_path) == ["runs"]
    (tmp_path / "text.en").touch()
    assert completed(script, ["seq2seq", "score", "runs", "te"], tmp_path) == ["text.en"]
    assert completed(script, ["seq2seq", "evaluate", "runs", "--report", "te"], tmp_path) == [
        "text.en"
    ]
    assert completed(script, ["seq2seq", "settings", "te"], tmp_path) == []  # no file
    assert completed(script, ["seq2seq", "show", "--bea"], tmp_path) == []  # control


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shells_script_has_the_verbs_and_what_they_do(shell):
    script = run_command("completion", shell)
    assert "translate" in script and "completion" in script
    assert ("compdef" in script) == (shell == "zsh")
