"""What the chief's training is at, on every worker: so that all take the same next step."""

import io
from collections.abc import Callable

from seq2seq.training.training_state import TrainingState, load_state, save_state
from seq2seq.training.workers.cluster import Cluster
from seq2seq.training.workers.summed_step import SummedOptimization


def follow_chief(
    cluster: Cluster,
    state: TrainingState,
    optimization: SummedOptimization,
    work: Callable[[], None],
    whole: bool,
) -> None:
    """Waits while the chief works, then takes over its state and its random states.

    Random states are taken over at every save, because those of a training that goes on from the
    save are made of the chief's too.

    Args:
        cluster: the workers.
        state: of this process; changed in place.
        optimization: of this process.
        work: what the chief does.
        whole: whether weights, moments and averages are taken over too.
    """

    def tell(_: None) -> bytes:
        stream = io.BytesIO()
        save_state(stream, state, optimization.everything() if whole else optimization.seeds())
        return stream.getvalue()

    if cluster.is_chief:
        cluster.lead(work, tell)
        return
    told, arrays = load_state(io.BytesIO(cluster.follow()))
    vars(state).update(vars(told))
    optimization.take_over(arrays, cluster.index)
