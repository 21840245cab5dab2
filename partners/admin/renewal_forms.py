"""Forms of rollovers: a partner's next certificate, and our next key pair."""

import datetime as dt
from typing import Any, Final

from django import forms
from django.core.files.uploadedfile import UploadedFile

from as2gateway.certificates import Certificate
from audit.theme import FileWidget
from partners import importing
from partners.generating import KeyKind, Owner, generate_key, self_signed
from partners.importing import KeyFileError, KeyMaterial
from partners.models import Connection, KeyPair, Organization
from partners.parsed import private_key_of
from partners.rollover.dates import earliest_start

#: Two years: long enough to be rare, short enough that somebody remembers how it is done.
LIFETIME_DAYS: Final = 730
#: A longer one is refused by some partners' software, and outlives the strength of its key.
MAX_DAYS: Final = 3650


class _StartForm(forms.Form):
    """When the new one is used from: at once, or from a moment on."""

    when = forms.ChoiceField(
        label="Start",
        choices=[("at", "at the moment below"), ("now", "now")],
        widget=forms.RadioSelect,
        initial="at",
    )
    start = forms.DateTimeField(
        label="Moment (UTC)",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )

    def __init__(self, *args: Any, now: dt.datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.now = now

    def clean(self) -> dict[str, Any] | None:
        """Ask for a moment where one is needed."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("when") == "at" and not cleaned.get("start") and "start" not in self.errors:
            self.add_error("start", "Say from when on, or choose now.")
        return cleaned

    def start_of(self, certificate: Certificate) -> dt.datetime:
        """Return the moment that was asked for."""
        if self.cleaned_data["when"] == "now":
            return earliest_start(certificate, self.now)
        moment: dt.datetime = self.cleaned_data["start"]
        return moment


class PartnerRenewalForm(_StartForm):
    """The certificate that a partner sent, for all of its connections in one step."""

    file = forms.FileField(
        label="New certificate",
        required=False,
        widget=FileWidget,
        help_text="PEM, DER or PKCS#7 (.cer, .crt, .pem, .p7b).",
    )
    #: the same from the page before, so that what was looked at is what is planned
    pem = forms.CharField(required=False, widget=forms.HiddenInput)
    connections = forms.ModelMultipleChoiceField(
        Connection.objects.none(), widget=forms.CheckboxSelectMultiple
    )
    verifies = forms.BooleanField(label="checks their signatures", required=False, initial=True)
    encrypts = forms.BooleanField(label="we encrypt to it", required=False, initial=True)
    tls = forms.BooleanField(label="TLS", required=False)

    field_order = ("file", "connections", "verifies", "encrypts", "tls", "when", "start")

    def __init__(self, *args: Any, connections: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["connections"]
        field.queryset = connections  # type: ignore[attr-defined]  # of this kind of field
        field.initial = [each.pk for each in connections]

    def clean(self) -> dict[str, Any] | None:
        """Read the certificate, from the file or from the page before."""
        cleaned = super().clean() or self.cleaned_data
        file: UploadedFile[Any] | None = cleaned.get("file")
        data = file.read(importing.MAX_SIZE) if file else str(cleaned.get("pem", "")).encode()
        if not data:
            self.add_error("file", "Choose the file of the new certificate.")
            return cleaned
        try:
            cleaned["certificate"] = importing.read_certificate(data)
            importing.check_certificate(cleaned["certificate"], self.now)
        except KeyFileError as error:
            self.add_error("file", f"{error}.")
        if not any(cleaned.get(use) for use in ("verifies", "encrypts", "tls")):
            self.add_error("verifies", "Choose at least one use.")
        return cleaned


class OurRenewalForm(_StartForm):
    """Our next key pair: made here, or brought as a file."""

    name = forms.CharField(max_length=100)
    kind = forms.ChoiceField(
        label="Make a key pair",
        choices=[(kind.value, kind.value.upper().replace("-", " ")) for kind in KeyKind],
        initial=KeyKind.RSA_2048.value,
    )
    days = forms.IntegerField(
        label="valid for (days)",
        min_value=1,
        max_value=MAX_DAYS,
        initial=LIFETIME_DAYS,
    )
    host = forms.CharField(
        label="Alternative name",
        max_length=200,
        required=False,
        help_text="Host name in the certificate.",
    )
    file = forms.FileField(
        label="or take it from a file",
        required=False,
        widget=FileWidget,
        help_text="PKCS#12, or PEM with private key and certificate; or the certificate that an "
        "authority issued for a request of ours.",
    )
    password = forms.CharField(
        label="its password",
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )

    field_order = ("name", "kind", "days", "host", "file", "password", "when", "start")

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.organization = organization

    def clean(self) -> dict[str, Any] | None:
        """Read or make the key pair, once the rest is right."""
        cleaned = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        try:
            cleaned["material"] = self._material(cleaned)
            importing.check_certificate(cleaned["material"].certificate, self.now)
        except KeyFileError as error:
            self.add_error("file", f"{error}.")
        return cleaned

    def _material(self, cleaned: dict[str, Any]) -> KeyMaterial:
        file: UploadedFile[Any] | None = cleaned.get("file")
        if file is not None:
            return self._read(file.read(importing.MAX_SIZE), cleaned["password"] or None)
        owner = Owner(self.organization.as2_id, self.organization.name, cleaned["host"])
        key = generate_key(KeyKind(cleaned["kind"]))
        return self_signed(key, owner, self.now, dt.timedelta(days=cleaned["days"]))

    def _read(self, data: bytes, password: str | None) -> KeyMaterial:
        try:
            certificates = importing.read_certificates(data)
        except KeyFileError:
            return importing.read_material(data, password)
        pair = self._pair_of(certificates)
        if pair is None:
            return importing.read_material(data, password)
        return importing.pair(private_key_of(pair), certificates)

    def _pair_of(self, certificates: tuple[Certificate, ...]) -> KeyPair | None:
        """Find the key pair of ours that a certificate was issued for."""
        keys = [each.public_key for each in certificates]
        pairs = self.organization.keys.all()
        return next((pair for pair in pairs if pair.value.public_key in keys), None)
