"""Who watches the health by gRPC is one of a few, and leaves room when he goes."""

import grpc
from fake_server import ShoutingModel, serving
from grpc_health.v1 import health_pb2, health_pb2_grpc

from seq2seq.serving.server.guards.bounded_health import MOST_WATCHERS


def test_whoever_stops_watching_leaves_room(tmp_path):
    with serving(tmp_path, ShoutingModel(), grpc_port=0) as server:
        with grpc.insecure_channel(server.grpc) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            told = 0
            for _ in range(3000):  # the server hears a little later that one has gone
                watching = stub.Watch(health_pb2.HealthCheckRequest())
                try:
                    next(watching)
                    told += 1
                except grpc.RpcError as error:
                    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
                watching.cancel()
                if told > 2 * MOST_WATCHERS:
                    break
    assert told > 2 * MOST_WATCHERS
