"""Check: a rule's function, the setting it usually stands at, and the parameters it takes."""

import dataclasses
import datetime as dt
from collections.abc import Callable

from as2gateway.compliance.facts import Facts
from as2gateway.compliance.findings import Outcome
from as2gateway.compliance.profile import Kinds, Parameters

Function = Callable[[Facts, Parameters, dt.datetime], Outcome]


@dataclasses.dataclass(frozen=True, slots=True)
class Check:
    """How one rule is judged. ``now`` is an argument: rules have no clock."""

    function: Function
    field: str = ""
    kinds: Kinds = dataclasses.field(default_factory=dict)
