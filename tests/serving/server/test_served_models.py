"""Several models behind one server, each with versions of its own."""

import threading

import grpc
import pytest
from fake_server import ShoutingModel, counted, load_by_prefix, serving, write_versions
from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc

from seq2seq.errors import ServerError


@pytest.fixture
def bases(tmp_path):
    """Directories of two models, by name."""
    return {
        "ende": write_versions(tmp_path / "one", 1),
        "en_fr": write_versions(tmp_path / "two", 3, 7),
    }


def ask(server, name):
    return server.predict({"instances": ["a"]}, f"/v1/models/{name}:predict")


def test_each_answers_under_its_name_with_its_version(bases):
    with serving(bases, grpc_port=0) as server:
        assert ask(server, "ende") == (200, {"predictions": ["1:A"]})
        assert ask(server, "en_fr") == (200, {"predictions": ["7:A"]})
        assert ask(server, "en_fr/versions/7")[0] == 200
        status, content = ask(server, "ende/versions/7")
        assert (status, content["error"]) == (
            404,
            "Servable not found for request: Specific(ende, 7)",
        )
        assert ask(server, "seq2seq")[0] == 404
        with grpc.insecure_channel(server.grpc) as channel:
            stub = model_service_pb2_grpc.ModelServiceStub(channel)
            for name, version in (("ende", 1), ("en_fr", 7)):
                request = get_model_status_pb2.GetModelStatusRequest()
                request.model_spec.name = name
                (status,) = stub.GetModelStatus(request, timeout=20).model_version_status
                assert status.version == version


def test_a_new_version_of_one_leaves_the_other_as_it_is(bases):
    with serving(bases) as server:
        write_versions(bases["ende"], 2)
        for _ in range(3000):
            if ask(server, "ende")[1] == {"predictions": ["2:A"]}:
                break
        else:
            raise AssertionError("version 2 was not taken up")
        assert ask(server, "en_fr") == (200, {"predictions": ["7:A"]})
        page = server.request("GET", "/monitoring/prometheus/metrics")[2]
        assert {each for each in counted(page, "seq2seq_model_version") if "END" not in each} == {
            'model="ende",state="AVAILABLE",version="2"',
            'model="en_fr",state="AVAILABLE",version="7"',
        }


def test_it_is_ready_once_all_are_loaded(bases):
    may_load, before = threading.Event(), []

    def load(folder):
        if folder.name == "7":
            server = before[0]
            for _ in range(3000):
                if ask(server, "ende")[0] == 200:
                    break
            assert server.request("GET", "/readyz")[0] == 503
            assert ask(server, "en_fr")[0] == 503
            may_load.set()
        return load_by_prefix(folder)

    with serving(bases, loader=load, before=before) as server:
        assert may_load.is_set()
        assert server.request("GET", "/readyz")[0] == 200


def test_one_that_cannot_be_loaded_keeps_the_server_from_starting(bases):
    (bases["en_fr"] / "7" / "saved_model.pb").write_bytes(b"broken")
    (bases["en_fr"] / "3" / "saved_model.pb").write_bytes(b"broken")
    with pytest.raises(ServerError, match="two: no version can be loaded; version 7: no graph"):
        with serving(bases):
            pass


def test_their_rows_do_not_share_a_run(bases):
    models = {}

    def load(folder):
        return models.setdefault(folder.name, ShoutingModel(folder.name.encode()))

    with serving(bases, loader=load, batching={"max_delay": 200}) as server:
        with_threads = [
            threading.Thread(target=ask, args=(server, each)) for each in ("ende", "en_fr")
        ]
        for each in with_threads:
            each.start()
        for each in with_threads:
            each.join()
        assert models["1"].batches == models["7"].batches == [1]


def test_what_is_left_for_later_is_done_while_requests_are_answered(bases, caplog):
    begun, may_end, prepared = threading.Event(), threading.Event(), []

    class Later(ShoutingModel):
        def prepare(self):
            begun.set()
            assert may_end.wait(20)
            prepared.append(self.prefix)
            if self.prefix == b"1:":
                raise ValueError("out of luck")

    def load(folder):
        return Later((folder / "saved_model.pb").read_bytes())

    with serving(bases, loader=load) as server:
        assert begun.wait(20)
        assert ask(server, "en_fr") == (200, {"predictions": ["7:A"]})
        assert prepared == []
        may_end.set()
        write_versions(bases["ende"], 2)
        for _ in range(3000):  # what fails keeps nobody from looking for versions
            if ask(server, "ende")[1] == {"predictions": ["2:A"]}:
                break
        else:
            raise AssertionError("version 2 was not taken up")
        assert prepared == [b"1:", b"7:"]
    assert "ende cannot be prepared" in caplog.text
