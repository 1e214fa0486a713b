"""What the environments of one function have in common."""

from dataclasses import dataclass, field

from lambda_live.debugger.server import DebugServer
from lambda_live.environments.zygote import ZygotePool


@dataclass(frozen=True, slots=True)
class SharedResources:
    """Who may debug them, if anybody, and what their processes are forked of."""

    debug_server: DebugServer | None
    zygote_pool: ZygotePool = field(default_factory=ZygotePool)
