import re
import shutil
import threading
import time

import pytest
from fake_server import load_by_prefix, serving, write_versions

from seq2seq.errors import ServerError
from seq2seq.serving.saved_model.version_directory import HIGHEST


def states(server):
    """The state of each version, and its error."""
    status, _, content = server.request("GET", "/v1/models/seq2seq")
    assert status == 200
    return {
        int(each["version"]): (each["state"], each["status"]["error_message"])
        for each in content["model_version_status"]
    }


def wait_for(server, expected):
    """Returns once the versions are in these states; "END" may have any message."""
    for _ in range(3000):
        found = states(server)
        if {version: state for version, (state, _) in found.items()} == expected:
            return found
    raise AssertionError(f"{found} never became {expected}")


def answer(server):
    status, content = server.predict({"instances": ["a"]})
    assert status == 200
    return content["predictions"][0]


def test_the_largest_version_is_served(tmp_path):
    write_versions(tmp_path, 2, 10, 9)
    (tmp_path / "models.config").write_text("")
    (tmp_path / ".tmp-11").mkdir()
    (tmp_path / "012").mkdir()
    with serving(tmp_path) as server:
        assert answer(server) == "10:A"
        assert states(server) == {10: ("AVAILABLE", "")}


def test_every_number_that_an_export_may_have_is_served(tmp_path):
    write_versions(tmp_path, 10, HIGHEST)
    (tmp_path / str(HIGHEST + 1)).mkdir()
    with serving(tmp_path) as server:
        assert answer(server) == f"{HIGHEST}:A"


def test_a_new_version_takes_over_without_a_failed_request(tmp_path):
    write_versions(tmp_path, 1)
    may_load, loading, ended = threading.Event(), threading.Event(), threading.Event()
    answers = []

    def load(folder):
        if folder.name == "2":
            loading.set()
            assert may_load.wait(20)
        return load_by_prefix(folder)

    def ask():
        while not ended.is_set():
            answers.append(server.predict({"instances": ["a"]}))

    with serving(tmp_path, loader=load) as server:
        clients = [threading.Thread(target=ask) for _ in range(8)]
        for client in clients:
            client.start()
        try:
            write_versions(tmp_path, 2)
            assert loading.wait(20)
            assert answer(server) == "1:A"  # the old one answers while the new one loads
            assert states(server)[2] == ("LOADING", "")
            may_load.set()
            wait_for(server, {1: "END", 2: "AVAILABLE"})
            assert answer(server) == "2:A"
        finally:
            ended.set()
            for client in clients:
                client.join()
        body = {"instances": ["a"]}
        assert server.predict(body, "/v1/models/seq2seq/versions/1:predict")[0] == 404
    texts = {content["predictions"][0] for status, content in answers if status == 200}
    assert len(answers) == sum(status == 200 for status, _ in answers)
    assert texts == {"1:A", "2:A"}


def test_a_request_under_way_keeps_its_version(tmp_path):
    models = {}

    def load(folder):
        models[folder.name] = load_by_prefix(folder)
        return models[folder.name]

    with serving(write_versions(tmp_path, 1), loader=load) as server:
        models["1"].gate.clear()
        got = []
        early = threading.Thread(target=lambda: got.append(answer(server)))
        early.start()
        assert models["1"].running.acquire(timeout=10)
        write_versions(tmp_path, 2)
        wait_for(server, {1: "END", 2: "AVAILABLE"})
        models["1"].gate.set()
        early.join()
        assert got == ["1:A"]


def test_a_broken_version_is_reported_and_the_old_one_stays(tmp_path, caplog):
    attempts = []

    def load(folder):
        attempts.append(folder.name)
        return load_by_prefix(folder)

    with caplog.at_level("INFO"), serving(write_versions(tmp_path, 1), loader=load) as server:
        (tmp_path / "2").mkdir()
        (tmp_path / "2" / "saved_model.pb").write_bytes(b"broken")
        found = wait_for(server, {1: "AVAILABLE", 2: "END"})
        assert found[2] == ("END", "no graph in it")
        assert answer(server) == "1:A"
        page = server.request("GET", "/monitoring/prometheus/metrics")[2].decode()
        assert "seq2seq_failed_loads_total 1.0" in page
        assert 'state="END",version="2"' in page
        (tmp_path / "3").mkdir()  # a later poll has looked at 2 again
        wait_for(server, {1: "AVAILABLE", 2: "END", 3: "END"})
        assert attempts == ["1", "2", "3"]  # what has failed is not tried for ever
        (tmp_path / "2" / "saved_model.pb").write_bytes(b"mended:")
        wait_for(server, {1: "END", 2: "AVAILABLE", 3: "END"})
        assert answer(server) == "mended:A"
    lines = [record.getMessage() for record in caplog.records]
    assert "version 2 of seq2seq cannot be loaded: no graph in it; version 1 stays" in lines
    assert any(re.fullmatch(r"loaded version 2 of seq2seq in \d+\.\d s", line) for line in lines)


def test_a_version_that_vanishes_makes_room_for_another(tmp_path):
    write_versions(tmp_path, 1, 2)
    with serving(tmp_path) as server:
        assert answer(server) == "2:A"
        shutil.rmtree(tmp_path / "2")
        wait_for(server, {1: "AVAILABLE"})
        assert answer(server) == "1:A"


def test_the_last_version_is_served_even_when_its_files_vanish(tmp_path, caplog):
    with serving(write_versions(tmp_path / "base", 1)) as server:
        shutil.rmtree(tmp_path / "base")
        said = "cannot look for new versions"
        while not any(said in each for each in caplog.messages):
            assert answer(server) == "1:A"
        time.sleep(0.2)  # in which it looks again and again
        assert sum(said in each for each in caplog.messages) == 1
        write_versions(tmp_path / "base", 3)
        wait_for(server, {3: "AVAILABLE"})


def test_a_version_folder_by_itself_is_served_under_its_number(tmp_path):
    write_versions(tmp_path, 4, 5)
    with serving(tmp_path / "4") as server:
        assert states(server) == {4: ("AVAILABLE", "")}
    (tmp_path / "4").rename(tmp_path / "model")
    with serving(tmp_path / "model") as server:
        assert states(server) == {1: ("AVAILABLE", "")}


def test_at_the_start_an_older_version_stands_in_for_a_broken_one(tmp_path):
    write_versions(tmp_path, 1, 2)
    (tmp_path / "2" / "saved_model.pb").write_bytes(b"broken")
    with serving(tmp_path) as server:
        assert answer(server) == "1:A"
        assert states(server)[2] == ("END", "no graph in it")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {},
            "holds no model: expected saved_model.pb or model.onnx, or version folders such as 1/",
        ),
        ({"2/saved_model.pb": b"broken"}, "no version can be loaded; version 2: no graph in it"),
        (None, "is no folder; give the folder of an exported model"),
    ],
)
def test_nothing_to_serve_is_one_line(tmp_path, files, message):
    base = tmp_path / "base"
    if files is not None:
        base.mkdir()
        for name, content in files.items():
            (base / name).parent.mkdir()
            (base / name).write_bytes(content)
    with pytest.raises(ServerError, match=re.escape(f"{base}")) as error, serving(base):
        pass
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_port_that_is_taken_is_one_line(tmp_path):
    with serving(write_versions(tmp_path, 1)) as server:
        with pytest.raises(ServerError, match=f"cannot listen at 127.0.0.1 port {server.port}"):
            with serving(tmp_path, port=server.port):
                pass
