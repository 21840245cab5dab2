"""Connections: the board of all, and the settings of each."""

from typing import Any, Final

from django.contrib import admin
from django.contrib import messages as flash
from django.db.models import Prefetch, QuerySet
from django.forms import BaseModelFormSet, ModelForm
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from audit.badges import Tone, badge
from partners.access.pages import VisibleFilter
from partners.access.visibility import ITSELF, sees_everything, visible_connections
from partners.admin.acknowledgements import AcknowledgementInline
from partners.admin.audited import actor_of
from partners.admin.certificates import CertificateInline
from partners.admin.compliance import ComplianceAdmin, VerdictFilter
from partners.admin.ending import CertificateDaysFilter
from partners.admin.facts import days_left
from partners.admin.tls_tests import TLSTestAdmin
from partners.feasibility import impossible
from partners.models import Acknowledgement, Connection, ConnectionState, Environment, in_use
from partners.onboarding.pages import OnboardingAdmin
from partners.quirk_fields import FIELD_NAMES

_STATES: Final = {
    ConnectionState.ACTIVE.value: Tone.GOOD,
    ConnectionState.PAUSED.value: Tone.WARN,
    ConnectionState.SUSPENDED.value: Tone.BAD,
}


NEEDS: Final = "Special needs of the partner's software"


def _without_inputs(section: Any) -> tuple[str | None, Any]:
    """Leave out what only a form has: of passwords nothing is shown, of needs what is on."""
    title, options = section
    if title == NEEDS:
        return title, {**options, "fields": ("needs",)}
    fields = [_SHOWN.get(each, each) for each in options["fields"] if each != "forget_password"]
    return title, {**options, "fields": tuple(fields)}


_SHOWN: Final = {("url_user", "new_password"): "url_user"}


def _words(name: str, value: object) -> str:
    if value is True:
        return name
    return f"{name}: {', '.join(value) if isinstance(value, list) else value}"


@admin.register(Connection)
class ConnectionAdmin(OnboardingAdmin, TLSTestAdmin, ComplianceAdmin):
    """AS2 relationships: who, how, and how long their certificate is still valid."""

    list_display = (
        "names",
        "partner",
        "where",
        "status",
        "verdict",
        "both",
        "deadline",
        "certificate",
        "security",
        "mdns",
    )
    reach = ITSELF
    actions_detail: tuple[str, ...] = (
        *TLSTestAdmin.actions_detail,
        *OnboardingAdmin.actions_detail,
    )
    list_per_page = 50
    list_select_related = ("organization", "partner", "compliance")
    list_filter = (
        VerdictFilter,
        CertificateDaysFilter,
        "environment",
        "state",
        "profile",
        ("organization", VisibleFilter),
        ("partner", VisibleFilter),
    )
    search_fields = ("as2_id", "organization__as2_id", "partner__name", "url")
    inlines = (CertificateInline, AcknowledgementInline)
    instead_of_deleting = "It stays for its history; set its state to suspended instead."
    fieldsets = (
        (
            "Who",
            {
                "fields": (
                    ("organization", "partner"),
                    ("as2_id", "url"),
                    ("url_user", "new_password"),
                    "forget_password",
                    ("environment", "state"),
                    "profile",
                    ("provider", "provider_access"),
                )
            },
        ),
        (
            "What we send",
            {
                "fields": (
                    ("sign", "encrypt"),
                    ("signature_scheme", "key_transport"),
                    ("mdn", "mdn_signed"),
                    ("content_type", "compress"),
                    "subject",
                )
            },
        ),
        (
            "What we accept",
            {
                "fields": (
                    ("require_signature", "require_encryption"),
                    ("accept_sha1", "accept_3des"),
                    "require_signed_attributes",
                    ("mdn_hosts", "max_size"),
                )
            },
        ),
        (
            "TLS",
            {
                "fields": (
                    ("tls_trust", "tls_client_key"),
                    ("platform", "payment"),
                    "tls_ca",
                    "tls_pins",
                )
            },
        ),
        (
            "How often, how long",
            {
                "fields": (
                    ("max_attempts", "first_gap_minutes", "mdn_wait_minutes"),
                    ("connect_timeout", "response_timeout"),
                    ("parallel", "ordered"),
                    ("acknowledge_hours", "silent_days", "keep_days"),
                    ("restart", "duplicate_days"),
                    "delivery",
                    ("certificate_exchange", "accept_certificates"),
                    ("announce_features", "engine"),
                )
            },
        ),
        (NEEDS, {"classes": ("collapse",), "fields": FIELD_NAMES}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        """Fetch the certificates of all rows at once, and the verdicts beside theirs."""
        siblings = visible_connections(request.user).select_related("compliance")
        return (
            super()
            .get_queryset(request)
            .prefetch_related("certificates", Prefetch("partner__connections", siblings))
        )

    def get_fieldsets(self, request: HttpRequest, obj: Connection | None = None) -> Any:
        """Tell whoever cannot change them which special needs there are."""
        sections = super().get_fieldsets(request, obj)
        may = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return sections if may else [*map(_without_inputs, sections)]

    @admin.display(description="special needs")
    def needs(self, row: Connection) -> str:
        """Show which are switched on."""
        return "; ".join(_words(name, value) for name, value in row.quirks.items()) or "none"

    def get_readonly_fields(self, request: HttpRequest, obj: Connection | None = None) -> list[Any]:
        """Keep a connection where it is, for users who see some of them only."""
        fixed = () if sees_everything(request.user) else ("organization", "partner")
        return [*super().get_readonly_fields(request, obj), *fixed]

    def save_formset(
        self,
        request: HttpRequest,
        form: "ModelForm[Any]",
        formset: "BaseModelFormSet[Any, Any]",
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        """Save the rows below; who acknowledges a warning is who is logged in."""
        new = [each.instance for each in formset.forms if each.instance.pk is None]
        for row in new if formset.model is Acknowledgement else ():
            row.created_by = actor_of(request)
        super().save_formset(request, form, formset, change)

    def save_related(
        self,
        request: HttpRequest,
        form: "ModelForm[Any]",
        formsets: Any,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        """Save the certificates, then warn of settings that cannot work for want of a key.

        A warning, unlike in ``apply``: here certificates come one by one.
        """
        super().save_related(request, form, formsets, change)
        now = timezone.now()
        row = Connection.objects.select_related("organization").get(pk=form.instance.pk)
        pairs = in_use(row.organization.keys.all(), now)
        for name, text in impossible(row, pairs, in_use(row.certificates.all(), now)):
            label = Connection._meta.get_field(name).verbose_name  # type: ignore[union-attr]  # noqa: SLF001 - a column, of Django's public API
            flash.warning(request, f"{label}: {text}.")

    @admin.display(description="connection", ordering="as2_id")
    def names(self, row: Connection) -> str:
        """Show both AS2 names."""
        return str(row)

    @admin.display(description="environment", ordering="environment")
    def where(self, row: Connection) -> SafeString:
        """Show whether documents count."""
        production = row.environment == Environment.PRODUCTION
        return badge(Tone.BUSY if production else Tone.PLAIN, row.environment)

    @admin.display(description="state", ordering="state")
    def status(self, row: Connection) -> SafeString:
        """Show whether messages flow."""
        return badge(_STATES[row.state], row.state)

    @admin.display(description="sign, encrypt")
    def security(self, row: Connection) -> str:
        """Show how what we send is protected."""
        return f"{row.sign}, {row.encrypt}"

    @admin.display(description="MDN")
    def mdns(self, row: Connection) -> str:
        """Show how we ask to be answered."""
        return f"{row.mdn}, signed" if row.mdn_signed and row.mdn != "none" else row.mdn

    @admin.display(description="their certificate")
    def certificate(self, row: Connection) -> SafeString:
        """Show how long the certificate that is used now is valid."""
        now = timezone.now()
        return days_left(next(iter(in_use(row.certificates.all(), now)), None), now)
