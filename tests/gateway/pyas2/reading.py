"""Reading with the engine pyas2lib."""

from as2gateway.policy import InboundPolicy, Limits
from tests.gateway.reading import STRICT, Read, read
from tests.gateway.wrapping import Entity

ENGINE = "pyas2lib"


def ask(entity: Entity, policy: InboundPolicy = STRICT, *, limits: Limits | None = None) -> Read:
    """What was given out of a message that came in one piece, and the verdict."""
    return read(entity.headers, [entity.body], policy, limits=limits, engine=ENGINE)
