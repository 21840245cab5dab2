"""Access: whether a user may do what a file asks for, row by row, as the pages would let it.

The plan looks only at rows that the user may see (``partners.access``): a row outside of its scope
is planned, and refused here, exactly like one that does not exist.
"""

from typing import Final

from django.contrib.auth.models import User

from audit.acting import ask
from partners.access.visibility import SEE_EVERYTHING
from partners.applying.plan import Plan, Step
from partners.changes import kind_of
from partners.models import PartnerCertificate

#: Taking settings that fall short of their profile, with a reason.
ACKNOWLEDGE: Final = "partners.add_acknowledgement"


def check(plan: Plan, user: User, *, allow_findings: bool) -> None:
    """Raise Denied at the first row that the user may not add, change or see."""
    for step in plan.steps:
        _check(step, user)
    if allow_findings:
        ask(user, ACKNOWLEDGE, "allow findings")


def _check(step: Step, user: User) -> None:
    verb = "add" if step.created else "view" if step.changes_nothing else "change"
    deed = f"{verb} the {kind_of(step.row)} {step.row}"
    ask(user, f"partners.{verb}_{step.row._meta.model_name}", deed)  # noqa: SLF001 - Django's public API
    # A certificate belongs to a connection, which is a step of its own before it. Whatever else is
    # new may be there, outside of a scope.
    if step.created and not isinstance(step.row, PartnerCertificate):
        ask(user, SEE_EVERYTHING, deed)
