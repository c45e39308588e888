"""The gRPC server: TensorFlow Serving's services and the health service on one port."""

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from seq2seq.config.serving import ServerConfig
from seq2seq.errors import ServerError
from seq2seq.serving.server.grpc_api import GrpcInterface

HEALTH_SERVICES = (  # TensorFlow Serving's names, the full ones, and the server as a whole
    *("", "PredictionService", "ModelService"),
    *("tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"),
)


class GrpcServer:
    """Answers from the start; UNAVAILABLE, and not healthy, until the first version is loaded."""

    def __init__(self, interface: GrpcInterface, config: ServerConfig) -> None:
        self._config = config
        self._interface = interface
        self._health = health.aio.HealthServicer()
        self._server: grpc.aio.Server | None = None
        self.address = ""

    async def start(self) -> None:
        """Listens.

        Raises:
            ServerError: the port is taken.
        """
        config = self._config
        server = grpc.aio.server(
            options=[
                ("grpc.so_reuseport", 0),  # a port that is taken is an error
                ("grpc.max_receive_message_length", config.limits.max_body),
            ],
            maximum_concurrent_rpcs=config.limits.max_connections,
        )
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(self._interface, server)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(self._interface, server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        host = f"[{config.host}]" if ":" in config.host else config.host
        try:
            port = server.add_insecure_port(f"{host}:{config.grpc_port}")
        except RuntimeError as error:
            raise ServerError(
                f"cannot listen at {host} port {config.grpc_port} for gRPC: {error}; "
                "choose another port"
            ) from None
        await self._be(health_pb2.HealthCheckResponse.NOT_SERVING)
        await server.start()
        self._server = server
        self.address = f"{host}:{port}"

    async def ready(self) -> None:
        """Says that the model is loaded."""
        await self._be(health_pb2.HealthCheckResponse.SERVING)

    async def stop(self, grace: float) -> None:
        """Ends what is under way, for `grace` seconds at most."""
        await self._be(health_pb2.HealthCheckResponse.NOT_SERVING)
        if self._server:
            await self._server.stop(grace)

    async def _be(self, status: int) -> None:
        for service in HEALTH_SERVICES:
            await self._health.set(service, status)
