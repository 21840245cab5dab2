"""Rules: a small function for each rule id, in one table.

What a rule wants exactly is a parameter that the profile gives; the function says how to look.
"""

from collections.abc import Mapping
from typing import Final

from as2gateway.compliance.profile import Kinds
from as2gateway.compliance.rules import certificates, endpoints, hosts, keys, settings
from as2gateway.compliance.rules.check import Check

CHECKS: Final[Mapping[str, Check]] = {
    **settings.CHECKS,
    **certificates.CHECKS,
    **endpoints.CHECKS,
    **keys.CHECKS,
    **hosts.CHECKS,
}

#: Judged last, by the evaluator itself: whether any error of the profile is open.
DEADLINE: Final = "deadline"

#: Parameters of every rule that a profile may have.
KINDS: Final[Mapping[str, Kinds]] = {
    **{name: check.kinds for name, check in CHECKS.items()},
    DEADLINE: {},
}
