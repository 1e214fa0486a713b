"""What the environments of one function have in common."""

from dataclasses import dataclass, field

from lambda_live.debugger.server import Debuggers
from lambda_live.environments.zygote import Zygotes


@dataclass(frozen=True, slots=True)
class Host:
    """Who may debug them, if anybody, and what their processes are forked of."""

    debuggers: Debuggers | None
    zygotes: Zygotes = field(default_factory=Zygotes)
