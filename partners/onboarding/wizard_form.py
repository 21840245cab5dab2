"""The wizard's form: a partner, what all of its connections share, and what each has of its own."""

from collections.abc import Iterator
from typing import Any, Final, cast

from django import forms
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.files.uploadedfile import UploadedFile
from django.forms.models import fields_for_model
from django.http import QueryDict
from django.utils import timezone

from as2gateway.certificates import Certificate
from as2gateway.quirks import QuirkError
from partners import importing
from partners.access.reaching import check_reach
from partners.access.visibility import visible_organizations, visible_partners
from partners.importing import KeyFileError
from partners.models import Connection, Environment, Partner, PartnerCertificate
from partners.models.certificates import this_second
from partners.onboarding.drafting import Draft, Problem
from partners.quirk_fields import FIELD_NAMES, QuirkFields, quirks_of

#: Settings that test and production have in common; a preset's values are among them.
SHARED: Final = (
    "profile",
    "sign",
    "encrypt",
    "compress",
    "mdn",
    "mdn_signed",
    "require_signature",
    "require_encryption",
    "accept_sha1",
    "accept_3des",
    "content_type",
    "signature_scheme",
    "key_transport",
)
_FIELD: Final = {"class": "as2-field"}


class CertificateFiles(forms.FileField):
    """Any number of certificate files."""

    class Input(forms.FileInput):
        """A browser's input for several files."""

        allow_multiple_selected = True

    widget = Input(attrs=dict(_FIELD))  # a copy: the widget adds to it

    def clean(self, data: Any, initial: Any = None) -> "list[UploadedFile[Any]]":
        """Check each of them."""
        given = data if isinstance(data, list | tuple) else [data] if data else []
        return [super(CertificateFiles, self).clean(each, initial) for each in given]


class WizardForm(QuirkFields, forms.Form):
    """Everything that is asked for; test and production each have a section of their own."""

    partner = forms.ModelChoiceField(
        Partner.objects.none(), required=False, empty_label="a new partner", label="Partner"
    )
    name = forms.CharField(
        max_length=200, required=False, label="Its name", help_text="Of a new partner."
    )
    email = forms.EmailField(required=False, label="Its support address")
    contact = forms.CharField(max_length=200, required=False, label="Whom to call")

    def __init__(self, user: AbstractBaseUser | AnonymousUser, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._user = user
        partners = cast("forms.ModelChoiceField[Partner]", self.fields["partner"])
        partners.queryset = visible_partners(user)
        self.fields |= _columns(*SHARED)
        for environment in Environment:
            self._add_section(environment, user)
        for field in self.fields.values():
            if not isinstance(field, forms.BooleanField):
                field.widget.attrs |= _FIELD

    def _add_section(
        self, environment: Environment, user: AbstractBaseUser | AnonymousUser
    ) -> None:
        organizations = visible_organizations(user)
        for name, field in {
            "wanted": forms.BooleanField(
                required=False, initial=True, label=f"Make a {environment} connection"
            ),
            "organization": forms.ModelChoiceField(
                organizations, required=False, label="As which organization of ours"
            ),
            **_columns("as2_id", "url"),
            "files": CertificateFiles(
                required=False,
                label="Its certificates",
                help_text="One or several files, PEM or DER (.cer, .crt, .pem).",
            ),
            "pem": forms.CharField(
                required=False,
                label="Or as text (PEM)",
                widget=forms.Textarea(attrs={"rows": 3}),
            ),
        }.items():
            # Whether it has to be there is asked in ``clean``: a section may be left out.
            field.required = False
            self.fields[f"{environment}-{name}"] = field
        if len(organizations) == 1:
            self.fields[f"{environment}-organization"].initial = organizations[0]

    def section(self, environment: Environment) -> list[forms.BoundField]:
        """Return the fields of one section, for the page."""
        return [self[name] for name in self.fields if name.startswith(f"{environment}-")]

    @property
    def shared(self) -> list[forms.BoundField]:
        """Return the settings that all connections share."""
        return [self[name] for name in SHARED]

    @property
    def needs(self) -> list[forms.BoundField]:
        """Return the special needs of the partner's software."""
        return [self[name] for name in FIELD_NAMES]

    @property
    def who(self) -> list[forms.BoundField]:
        """Return what is asked of the partner."""
        return [self[name] for name in ("partner", "name", "email", "contact")]

    def clean(self) -> dict[str, Any]:
        """Ask for what a partner and each wanted connection need; read the certificates."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        self._clean_partner(cleaned)
        try:
            cleaned["quirks"] = quirks_of(cleaned)
        except QuirkError as error:
            raise forms.ValidationError(f"{error}.") from error
        wanted = [each for each in Environment if cleaned.get(f"{each}-wanted")]
        if not wanted:
            raise forms.ValidationError("Nothing is to be made: choose test, production or both.")
        for environment in wanted:
            for name in ("organization", "as2_id", "url"):
                key = f"{environment}-{name}"
                if key not in self.errors and not cleaned.get(key):
                    self.add_error(key, "This is needed.")
            self._check_reach(f"{environment}-url", cleaned)
            cleaned[f"{environment}-certificates"] = self._certificates(environment, cleaned)
        return cleaned

    def _check_reach(self, key: str, cleaned: dict[str, Any]) -> None:
        try:
            check_reach(self._user, cleaned.get(key) or "")
        except forms.ValidationError as error:
            self.add_error(key, error)

    def _clean_partner(self, cleaned: dict[str, Any]) -> None:
        name = cleaned.get("name", "").strip()
        if cleaned.get("partner") is None and not name and "partner" not in self.errors:
            self.add_error("name", "Choose a partner, or give the name of a new one.")
        elif cleaned.get("partner") is None and Partner.objects.filter(name=name).exists():
            self.add_error("name", "There is a partner of this name: choose it above.")

    def _certificates(self, environment: Environment, cleaned: dict[str, Any]) -> list[Certificate]:
        found: dict[str, Certificate] = {}
        for key, name, data in self._sources(environment, cleaned):
            try:
                for certificate in importing.read_certificates(data):
                    importing.check_certificate(certificate, timezone.now())
                    found.setdefault(certificate.fingerprint, certificate)
            except KeyFileError as error:
                self.add_error(key, f"{name}: {error}." if name else f"{error}.")
        return list(found.values())

    def _sources(
        self, environment: Environment, cleaned: dict[str, Any]
    ) -> Iterator[tuple[str, str, bytes]]:
        for file in cleaned.get(f"{environment}-files") or ():
            yield f"{environment}-files", file.name, file.read(importing.MAX_SIZE)
        text = cleaned.get(f"{environment}-pem", "")
        if text:
            yield f"{environment}-pem", "", text.encode()

    def keep_certificates(self, posted: QueryDict) -> None:
        """Carry what was uploaded over to the next page as text: browsers forget files."""
        data = posted.copy()
        for environment in Environment:
            certificates = self.cleaned_data.get(f"{environment}-certificates")
            if certificates:
                data[f"{environment}-pem"] = "".join(each.pem() for each in certificates)
        self.data = data

    def the_partner(self) -> Partner:
        """Return the chosen partner, or a new one that is not saved."""
        chosen: Partner | None = self.cleaned_data["partner"]
        if chosen is not None:
            return chosen
        cleaned = self.cleaned_data
        return Partner(
            name=cleaned["name"].strip(), email=cleaned["email"], contact=cleaned["contact"]
        )

    def drafts(self) -> list[Draft]:
        """Return what is to be made, of each wanted section one."""
        cleaned = self.cleaned_data
        shared = {name: cleaned[name] for name in (*SHARED, "quirks")}
        return [
            Draft(
                Connection(
                    environment=each,
                    organization=cleaned[f"{each}-organization"],
                    as2_id=cleaned[f"{each}-as2_id"],
                    url=cleaned[f"{each}-url"],
                    **shared,
                ),
                tuple(_row(value) for value in cleaned[f"{each}-certificates"]),
            )
            for each in Environment
            if cleaned[f"{each}-wanted"]
        ]

    def show(self, problem: Problem) -> None:
        """Put a problem of a draft where it can be set right."""
        environment, name = problem.connection.environment, problem.field
        own = {"certificates": "files"}.get(name, name)
        if name in SHARED:
            self.add_error(name, problem.text)
        elif f"{environment}-{own}" in self.fields:
            self.add_error(f"{environment}-{own}", problem.text)
        else:
            self.add_error(None, f"{environment}: {problem.text}")


def _columns(*names: str) -> dict[str, forms.Field]:
    """Return the form fields of columns that can be edited."""
    made = fields_for_model(Connection, fields=names)
    return {name: field for name, field in made.items() if field is not None}


def _row(value: Certificate) -> PartnerCertificate:
    """Take a certificate for everything that its key can do."""
    row = PartnerCertificate(encrypts=value.key_type == "rsa", activates_at=this_second())
    row.read_facts(value)
    return row
