"""Things that wait for somebody: certificates that were announced, suspensions that are proposed.

Each has a page that says what it is, leads to where it is done, and takes the decision.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from audit.badges import Tone, badge
from audit.links import link_to
from audit.pages import ActingAdmin, CannotAct, PageAdmin
from partners import renewals, suspending
from partners.access.pages import ScopedAdmin
from partners.access.visibility import BY_CONNECTION, Reach, visible_partners
from partners.admin.rollovers import by
from partners.models import Renewal, Suspension
from partners.rollover.dates import written


@dataclass(frozen=True, slots=True)
class Todo:
    """What the page of one shows."""

    tone: Tone
    headline: str
    text: str
    facts: tuple[tuple[str, str], ...]
    #: where it is done: what the button says, and its address
    link: tuple[str, str] | None
    #: decisions: what the button says, by the word that it sends
    decisions: Mapping[str, str]


class TodoAdmin(ScopedAdmin, ActingAdmin, PageAdmin):
    """Open ones first; nobody edits or deletes them."""

    page_template = "partners/todo.html"
    #: who may decide, besides being allowed to look
    needed: ClassVar[str]

    @abstractmethod
    def describe(self, row: Any) -> Todo:
        """Say what the page shows."""

    @abstractmethod
    def decide(self, request: HttpRequest, row: Any, decision: str) -> str:
        """Do what was decided, and say so."""

    def page_of_row(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Show what it is, where it is done, and what may be decided."""
        return {
            "title": str(row),
            "todo": self.describe(row),
            "act": self.act_address(row),
            "may_decide": self.may_act(request, row),
        }

    def may_act(self, request: HttpRequest, row: Any) -> bool:
        """Say whether this user may decide."""
        return request.user.has_perm(self.needed)

    def act(self, request: HttpRequest, row: Any, word: str) -> str:
        """Take a decision."""
        if word not in self.describe(row).decisions:
            raise CannotAct("Somebody else was faster: there is nothing to decide any more.")
        return self.decide(request, row, word)

    @admin.display(description="state")
    def status(self, row: Any) -> SafeString:
        """Show whether it still waits."""
        todo = self.describe(row)
        return badge(todo.tone, "closed" if row.closed_at else "open")


@admin.register(Renewal)
class RenewalAdmin(TodoAdmin):
    """Certificates that partners announced; opened on a partner's page."""

    reach = Reach("partner", visible_partners)
    needed = "partners.add_partnercertificate"
    list_display = ("__str__", "status", "due_at", "opened_by", "opened_at", "closed_at")
    list_select_related = ("partner",)
    search_fields = ("partner__name", "note")

    def describe(self, row: Renewal) -> Todo:
        """Lead to the page where the new certificate is uploaded."""
        facts = [
            ("Partner", link_to(row.partner, str(row.partner))),
            ("Opened", f"{written(row.opened_at)} by {row.opened_by}"),
            ("What they say", row.note or "-"),
        ]
        if row.closed_at:
            facts.append(("Closed", f"{written(row.closed_at)} by {row.closed_by}"))
            if row.rollover:
                facts.append(("Rollover", link_to(row.rollover, "the planned change")))
            return Todo(Tone.PLAIN, "Closed", "Nothing is left to do.", tuple(facts), None, {})
        late = row.due_at <= timezone.now()
        text = (
            "Upload the new certificate, compare it with the one in use, and say from when on it "
            "counts. This closes itself when every connection that uses the old one has its change."
        )
        upload = reverse("admin:partners_partner_renew_certificate", args=(row.partner_id,))
        return Todo(
            Tone.BAD if late else Tone.WARN,
            f"{'Overdue since' if late else 'To be done by'} {written(row.due_at)}",
            text,
            tuple(facts),
            ("Upload the new certificate", upload),
            {"aside": "Set aside: nothing is to be changed here"},
        )

    def decide(self, request: HttpRequest, row: Renewal, decision: str) -> str:
        """Set it aside."""
        renewals.set_aside(row, timezone.now(), by(request))
        return "Set aside."


@admin.register(Suspension)
class SuspensionAdmin(TodoAdmin):
    """Connections whose partner refuses one message after the other."""

    reach = BY_CONNECTION
    needed = "partners.change_connection"
    list_display = ("__str__", "status", "proposed_at", "suspended", "closed_by", "closed_at")
    list_select_related = ("connection__organization", "connection__partner")
    search_fields = ("connection__as2_id", "connection__partner__name", "reason")

    def describe(self, row: Suspension) -> Todo:
        """Say what the partner refuses, and offer both ways."""
        link = row.connection
        facts = [
            ("Connection", link_to(link, f"{link} ({link.environment})")),
            ("Partner", link_to(link.partner, str(link.partner))),
            ("Refused in a row", str(row.refusals)),
            ("The partner said last", row.reason),
        ]
        if row.closed_at:
            done = "Suspended" if row.suspended else "Not suspended"
            facts.append(("Closed", f"{written(row.closed_at)} by {row.closed_by}"))
            return Todo(Tone.PLAIN, done, "It is decided.", tuple(facts), None, {})
        text = (
            "The partner may have suspended us. While the connection is suspended, documents wait "
            "here instead of failing, and nothing annoys the partner; what they send still comes "
            "in. Set it to active again when the cause is mended."
        )
        headline = f"{link.partner} has refused {row.refusals} messages in a row"
        decisions = {"suspend": "Suspend the connection", "aside": "Go on sending"}
        return Todo(Tone.BAD, headline, text, tuple(facts), None, decisions)

    def decide(self, request: HttpRequest, row: Suspension, decision: str) -> str:
        """Suspend the connection, or go on."""
        if decision == "suspend":
            suspending.follow(row, timezone.now(), by(request))
            return "The connection is suspended: documents wait until it is active again."
        suspending.set_aside(row, timezone.now(), by(request))
        return "The connection goes on as it is."
