"""The form of a connection: settings that fall short of its profile are refused or marked."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from as2gateway.compliance.findings import Finding, Verdict, verdict_of
from as2gateway.compliance.profile import Profile
from as2gateway.quirks import QuirkError
from audit.theme import PasswordWidget
from partners.access.reaching import check_hosts, check_reach
from partners.access.visibility import Anybody
from partners.admin.marks import CERTIFICATES, counts, marked, marks, sentence, verdict_badge
from partners.compliance.cases import Case
from partners.compliance.evaluating import acknowledged_of
from partners.compliance.facts import moment_to_day
from partners.compliance.profiles import catalogue
from partners.compliance.refusing import Review
from partners.models import Connection
from partners.models.credentials import sealed_password
from partners.quirk_fields import FIELD_NAMES, QuirkFields, initial_of, quirks_of

if TYPE_CHECKING:  # generic only in the stubs
    _Form = forms.ModelForm[Connection]
else:
    _Form = forms.ModelForm


class ConnectionForm(QuirkFields, _Form):
    """Settings of a connection, judged by the profile as they are typed."""

    new_password = forms.CharField(
        label="Password",
        required=False,
        strip=False,
        max_length=500,
        widget=PasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Kept encrypted and never shown again; it goes to this URL's server and nowhere "
        "else. Empty keeps the one that is there.",
    )
    forget_password = forms.BooleanField(
        label="Forget the password", required=False, help_text="Remove the one that is there."
    )

    #: who fills it in
    user: Anybody = AnonymousUser()

    class Meta:
        model = Connection
        exclude = ("quirks",)
        labels = {"mdn_wait_minutes": "MDN wait minutes"}

    class Media:
        js = ("partners/compliance.js",)
        css = {"all": ("partners/compliance.css",)}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, value in initial_of(self.instance.quirks).items():
            self.initial.setdefault(name, value)
        self.findings: tuple[Finding, ...] = ()
        self.refused: tuple[Finding, ...] = ()
        if self.instance.pk and not self.is_bound:
            self._judge()
            self._mark(marked(self.findings))

    def clean(self) -> dict[str, Any]:
        """Read the special needs and the password into the row, before it checks itself."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        row = self.instance
        if any(name in self.fields for name in FIELD_NAMES):
            try:
                row.quirks = quirks_of(cleaned)
            except QuirkError as error:
                self.add_error(None, f"{error}.")
        password, forget = cleaned.get("new_password", ""), cleaned.get("forget_password")
        self._check_reach(cleaned)
        if password or forget:
            url = cleaned.get("url", row.url)
            for name, value in sealed_password(password, url, timezone.now()).items():
                setattr(row, name, value)
        return cleaned

    def _check_reach(self, cleaned: dict[str, Any]) -> None:
        row = self.instance
        for name, check in (("url", check_reach), ("mdn_hosts", check_hosts)):
            try:
                check(self.user, cleaned.get(name, ""), getattr(row, name))
            except forms.ValidationError as error:
                self.add_error(name, error)

    def full_clean(self) -> None:
        """Judge what the row would be; certificates below are judged where they stand."""
        super().full_clean()
        if not self.is_bound:
            return
        if not hasattr(self.instance, "organization") or not hasattr(self.instance, "partner"):
            return  # their own messages say that they are missing
        self._judge()
        for finding in self.refused:
            if finding.field != CERTIFICATES:
                self.add_error(self._place(finding), sentence(finding))
        self._mark(each for each in marked(self.findings) if each not in self.refused)

    def _judge(self) -> None:
        review = Review.of(Case.stored(self.instance), timezone.now())
        self.findings, self.refused = review.findings, review.refused

    def _mark(self, findings: Iterable[Finding]) -> None:
        """Put findings below their fields; they are markup that is safe."""
        for finding in findings:
            if finding.field in self.fields:
                field = self.fields[finding.field]
                field.help_text = format_html("{}{}", field.help_text, marks([finding]))
                # A field that was read already has taken its text along.
                self[finding.field].help_text = field.help_text

    def _place(self, finding: Finding) -> str | None:
        return finding.field if finding.field in self.fields else None

    @property
    def judged_by(self) -> Profile | None:
        """The version of the chosen profile that is in force."""
        versions = catalogue().versions(self.instance.profile, moment_to_day(timezone.now()))
        return versions[0] if versions else None

    @property
    def verdict(self) -> Verdict | None:
        """The findings in a word; None without a profile."""
        if not self.instance.profile:
            return None
        row = self.instance
        acknowledged = acknowledged_of(row, timezone.now()) if row.pk else frozenset[str]()
        return verdict_of(self.findings, acknowledged) if self.judged_by else Verdict.UNKNOWN

    @property
    def verdict_badge(self) -> SafeString:
        """The same, in colour."""
        return verdict_badge(self.verdict)

    @property
    def counts(self) -> str:
        """How many findings there are of each kind."""
        return counts(self.findings)

    @property
    def unplaced(self) -> SafeString:
        """Findings that no field of the form can show."""
        return marks(each for each in marked(self.findings) if each.field not in self.fields)

    def at_fields(self) -> Mapping[str, SafeString]:
        """Return the findings of each field, for a page that is being typed into."""
        placed = [each for each in marked(self.findings) if each.field in self.fields]
        return {
            name: marks(each for each in placed if each.field == name)
            for name in dict.fromkeys(each.field for each in placed)
        }
