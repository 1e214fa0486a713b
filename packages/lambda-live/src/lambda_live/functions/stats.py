"""What is read of a function when it is asked for."""

from lambda_live.functions.code_reloader import CodeReloader
from lambda_live.functions.environment_pool import EnvironmentPool
from lambda_live.functions.request_queue import RequestQueue
from lambda_live.functions.scaler import Scaler
from lambda_live.model.function import FunctionConfiguration


class FunctionStats:
    """Reads a function's parts."""

    def __init__(
        self, reload: CodeReloader, queue: RequestQueue, fleet: EnvironmentPool, supply: Scaler
    ) -> None:
        self._reload = reload
        self._queue = queue
        self._fleet = fleet
        self._supply = supply

    @property
    def configuration(self) -> FunctionConfiguration:
        """What it is run with."""
        return self._reload.code_version.configuration

    def waiting(self) -> int:
        """How many requests wait for an environment."""
        return len(self._queue)

    def executing(self) -> int:
        """How many invocations are under way."""
        return self._fleet.count_executing()

    def environments(self) -> int:
        """How many environments there are."""
        return len(self._fleet.live())

    def max_memory(self) -> int:
        """Bytes of memory that the largest environment had in use at most."""
        return self._fleet.max_memory()

    def standby_memory(self) -> int:
        """Bytes of memory that the process on standby has in use now."""
        return self._supply.standby_memory()
