"""Plan: what a file asks for against what the database has; rows to save, nothing saved yet.

A row is the same row by what it is known by: an organization and a connection by their AS2 names, a
partner and a webhook by their names, a key pair and a certificate by their fingerprint. A new
certificate therefore stands beside the old one, which is how a rollover overlaps.
"""

import base64
import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from as2gateway.compliance.findings import Finding
from partners.access.reaching import check_hosts, check_reach
from partners.access.visibility import (
    Anybody,
    limit,
    sees_everything,
    visible_connections,
    visible_organizations,
    visible_partners,
)
from partners.applying.reader import Mistake, Place
from partners.applying.readers import Settings
from partners.applying.schema import (
    SECRET,
    Wanted,
    WantedCertificate,
    WantedConnection,
    WantedKeyPair,
    WantedOrganization,
    WantedPartner,
    WantedWebhook,
)
from partners.changes import Change, compare, kind_of, settings_of
from partners.compliance.cases import Case
from partners.compliance.refusing import Review
from partners.feasibility import impossible
from partners.models import (
    CertificateFacts,
    Connection,
    KeyPair,
    Organization,
    Partner,
    PartnerCertificate,
    Webhook,
)
from partners.models.credentials import sealed_password

Facts = TypeVar("Facts", bound=CertificateFacts)


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Where a connection would fall short of its profile, and where in the file that stands."""

    connection: Connection
    finding: Finding
    place: Place

    @property
    def mistake(self) -> Mistake:
        """The same as a mistake of the file."""
        finding = self.finding
        text = f"{finding.profile} asks for {finding.wanted}, found: {finding.found}"
        return Mistake(self.place, f"{text} ({finding.rule}; {finding.source})")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a file comes to: rows to save in this order, and what profiles say against it."""

    steps: tuple["Step", ...] = ()
    shortfalls: tuple[Shortfall, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One row as it is to be saved, and how it differs from what is there."""

    row: models.Model
    changes: tuple[Change, ...]
    created: bool

    @property
    def changes_nothing(self) -> bool:
        """Whether the row is already as it is to be."""
        return not (self.created or self.changes)

    def lines(self) -> list[str]:
        """Say it, a line for each column that changes."""
        state = "created" if self.created else "changed" if self.changes else "unchanged"
        title = f"{kind_of(self.row)} {self.row}: {state}"
        return [
            title,
            *(f"  {change.first_value if self.created else change}" for change in self.changes),
        ]


class Planner:
    """Plans a whole file; mistakes that only the database shows are noted like all others.

    A row that the user may not see is none that is there.
    """

    def __init__(self, now: dt.datetime, mistakes: list[Mistake], user: Anybody) -> None:
        self._now = now
        self._user = user
        self._mistakes = mistakes
        self._steps: list[Step] = []
        self._shortfalls: list[Shortfall] = []
        self._seen: dict[tuple[object, ...], Place] = {}
        self._organizations: dict[str, Organization] = {}
        self._pairs: dict[str, dict[str, KeyPair]] = {}
        self._places: dict[str, Place] = {}
        self._partners: dict[str, Partner] = {}

    def plan(self, wanted: Wanted) -> Plan:
        """Return the steps in the order in which they can be saved."""
        for organization in wanted.organizations:
            self._organization(organization)
        for partner in wanted.partners:
            self._partner(partner)
        for webhook in wanted.webhooks:
            self._webhook(webhook)
        return Plan(tuple(self._steps), tuple(self._shortfalls))

    def _organization(self, wanted: WantedOrganization) -> None:
        as2_id = wanted.settings.values.get("as2_id")
        if as2_id is None or self._repeats(
            wanted.settings.place_of("as2_id"), Organization, as2_id
        ):
            return
        row = self._known_organization(as2_id) or Organization()
        self._step(row, wanted.settings)
        self._places[as2_id] = wanted.settings.place
        self._know(row)
        for pair in wanted.keys:
            self._key_pair(row, pair)

    def _known_organization(self, as2_id: str) -> Organization | None:
        return visible_organizations(self._user).filter(as2_id=as2_id).first()

    def _know(self, row: Organization) -> None:
        self._organizations[row.as2_id] = row
        pairs = row.keys.all() if row.pk else []
        self._pairs[row.as2_id] = {pair.fingerprint: pair for pair in pairs}

    def _key_pair(self, owner: Organization, wanted: WantedKeyPair) -> None:
        settings, certificate = wanted.settings, wanted.material.certificate
        if "name" not in settings.values:
            return
        name, place = settings.values["name"], settings.place_of("name")
        if self._repeats(place, KeyPair, owner.as2_id, name) or self._repeats(
            settings.place, KeyPair, owner.as2_id, certificate.fingerprint
        ):
            return
        pairs = self._pairs[owner.as2_id]
        if any(p.name == name and p.fingerprint != certificate.fingerprint for p in pairs.values()):
            self._mistakes.append(
                Mistake(
                    place, f'"{name}" is another key pair already; give the new one its own name'
                )
            )
            return
        row = pairs.get(certificate.fingerprint)
        if row is None:
            row = KeyPair(organization=owner, private_key=wanted.material.pkcs8)
            row.read_facts(certificate)
            pairs[certificate.fingerprint] = row
        chain = [base64.b64encode(each.der).decode() for each in wanted.material.chain]
        self._step(row, settings, chain=chain)
        self._check_dates(row, settings)
        if row.decrypts and row.key_type != "rsa":
            text = f"an {row.key_type} key cannot decrypt; set purposes to [sign]"
            self._mistakes.append(Mistake(settings.place_of("purposes"), text))

    def _partner(self, wanted: WantedPartner) -> None:
        name = wanted.settings.values.get("name")
        if name is None or self._repeats(wanted.settings.place_of("name"), Partner, name):
            return
        row = self._known_partner(name) or Partner()
        self._step(row, wanted.settings)
        self._partners[name] = row
        for connection in wanted.connections:
            self._connection(row, connection)

    def _known_partner(self, name: str) -> Partner | None:
        return visible_partners(self._user).filter(name=name).first()

    def _connection(self, partner: Partner, wanted: WantedConnection) -> None:
        settings = wanted.settings
        owner = self._owner(settings)
        as2_id = settings.values.get("as2_id")
        if owner is None or as2_id is None:
            return
        if self._repeats(settings.place_of("as2_id"), Connection, owner.as2_id, as2_id):
            return
        rows = visible_connections(self._user)
        known = rows.filter(as2_id=as2_id, organization__as2_id=owner.as2_id)
        row = known.select_related("organization", "partner").first() or Connection()
        self._check_scope(row, partner, settings)
        more = self._client_key(owner, settings) | self._password(row, wanted)
        self._step(row, settings, organization=owner, partner=partner, **more)
        self._clean(row, settings)
        certificates = {each.fingerprint: each for each in row.certificates.all()} if row.pk else {}
        for certificate in wanted.certificates:
            self._certificate(row, certificate, certificates)
        self._check_feasible(row, settings, certificates.values())

    def _check_scope(self, row: Connection, partner: Partner, settings: Settings) -> None:
        """Refuse what users who see some connections only do on no page either."""
        if row.pk and row.partner != partner and not sees_everything(self._user):
            text = f"this connection is one of {row.partner}, and stays there"
            self._mistakes.append(Mistake(settings.place, text))
        for name, check in (("url", check_reach), ("mdn_hosts", check_hosts)):
            try:
                check(self._user, settings.values.get(name, ""), getattr(row, name))
            except ValidationError as error:
                self._mistakes.append(Mistake(settings.place_of(name), " ".join(error.messages)))

    def _password(self, row: Connection, wanted: WantedConnection) -> dict[str, object]:
        """Seal the password for the URL, unless it is the one that is there."""
        if wanted.password is None:
            return {}
        url = wanted.settings.values.get("url", row.url)
        if row.keeps_password(wanted.password, url):
            return {}
        return sealed_password(wanted.password, url, self._now)

    def _client_key(self, owner: Organization, settings: Settings) -> dict[str, object]:
        """Find the key pair that is named; empty where the file says nothing of it."""
        name = settings.values.pop("tls_client_key", None)
        if not name:
            return {} if name is None else {"tls_client_key": None}
        pairs = self._pairs[owner.as2_id].values()
        found = next((pair for pair in pairs if pair.name == name), None)
        if found is None:
            text = f'organization {owner.as2_id} has no key pair "{name}"'
            self._mistakes.append(Mistake(settings.place_of("tls_client_key"), text))
        return {"tls_client_key": found}

    def _owner(self, settings: Settings) -> Organization | None:
        as2_id = settings.values.pop("organization", None)
        if as2_id is None:
            return None
        if as2_id not in self._organizations:
            row = self._known_organization(as2_id)
            if row is None:
                text = f'there is no organization "{as2_id}", here or in the database'
                self._mistakes.append(Mistake(settings.place_of("organization"), text))
                return None
            self._know(row)
        return self._organizations[as2_id]

    def _certificate(
        self,
        connection: Connection,
        wanted: WantedCertificate,
        known: dict[str, PartnerCertificate],
    ) -> None:
        settings, fingerprint = wanted.settings, wanted.certificate.fingerprint
        names = (connection.organization.as2_id, connection.as2_id, fingerprint)
        if self._repeats(settings.place_of("file"), PartnerCertificate, *names):
            return
        row = known.get(fingerprint)
        if row is None:
            row = known[fingerprint] = PartnerCertificate(connection=connection)
            row.read_facts(wanted.certificate)
        self._step(row, settings)
        self._check_dates(row, settings)
        if row.encrypts and row.key_type != "rsa":
            text = f"an {row.key_type} key cannot be encrypted to; leave encrypt out of roles"
            self._mistakes.append(Mistake(settings.place_of("roles"), text))

    def _webhook(self, wanted: WantedWebhook) -> None:
        settings = wanted.settings
        name = settings.values.get("name")
        if name is None or self._repeats(settings.place_of("name"), Webhook, name):
            return
        # They may hear of every partner: whoever has a scope sees none of them, as on the pages.
        rows = limit(Webhook.objects.select_related("partner"), self._user, None)
        row = rows.filter(name=name).first() or Webhook()
        self._step(row, settings, **self._webhook_partner(settings), **self._secret(row, wanted))
        self._clean(row, settings)

    def _webhook_partner(self, settings: Settings) -> dict[str, object]:
        """Find the partner that is named; empty where the file says nothing of it."""
        name = settings.values.pop("partner", None)
        if not name:
            return {} if name is None else {"partner": None}
        found = self._partners.get(name) or self._known_partner(name)
        if found is None:
            text = f'there is no partner "{name}", here or in the database'
            self._mistakes.append(Mistake(settings.place_of("partner"), text))
        return {"partner": found}

    def _secret(self, row: Webhook, wanted: WantedWebhook) -> dict[str, object]:
        """Seal the secret, unless it is the one that is there; a new webhook has to have one."""
        if wanted.secret is None:
            if not row.pk and not wanted.settings.places.keys() & set(SECRET):
                text = 'a new webhook takes "secret", "secret_env" or "secret_file"'
                self._mistakes.append(Mistake(wanted.settings.place, text))
            return {}
        return {} if row.keeps_secret(wanted.secret) else row.columns_of(wanted.secret, self._now)

    def _clean(self, row: Connection | Webhook, settings: Settings) -> None:
        try:
            row.clean()
        except ValidationError as error:
            self._mistakes += [
                Mistake(settings.place_of(name), " ".join(texts))
                for name, texts in error.message_dict.items()
            ]

    def _step(self, row: models.Model, settings: Settings, **more: object) -> None:
        created = row.pk is None
        before = {} if created else settings_of(row)
        for name, value in {**settings.values, **more}.items():
            setattr(row, name, value)
        self._steps.append(Step(row, compare(before, settings_of(row)), created))

    def _repeats(self, place: Place, *identity: object) -> bool:
        first = self._seen.setdefault(identity, place)
        if first is place:
            return False
        self._mistakes.append(Mistake(place, f"the same is already in line {first.line}"))
        return True

    def _check_dates(self, row: CertificateFacts, settings: Settings) -> None:
        if row.retires_at is not None and row.retires_at <= row.activates_at:
            text = f"this is not after activates_at ({row.activates_at:%Y-%m-%d %H:%M})"
            self._mistakes.append(Mistake(settings.place_of("retires_at"), text))

    def _check_feasible(
        self, row: Connection, settings: Settings, certificates: Iterable[PartnerCertificate]
    ) -> None:
        owner = row.organization.as2_id
        # What follows from another mistake is not worth a line of its own.
        if self._is_mistaken(settings.place) or self._is_mistaken(self._places.get(owner)):
            return
        pairs = self._pairs[owner].values()
        for name, text in impossible(row, _kept(pairs, self._now), _kept(certificates, self._now)):
            self._mistakes.append(Mistake(settings.place_of(name), text))
        self._check_compliance(row, settings, tuple(certificates))

    def _check_compliance(
        self, row: Connection, settings: Settings, certificates: tuple[PartnerCertificate, ...]
    ) -> None:
        """Judge a connection as it is to be; what it was before the file is not refused."""
        pairs = tuple(self._pairs[row.organization.as2_id].values())
        # New rows of the file start at a moment after the plan's.
        review = Review.of(Case(row, certificates, pairs), timezone.now())
        self._shortfalls += [
            Shortfall(row, finding, settings.place_of(finding.field or "profile"))
            for finding in review.refused
        ]

    def _is_mistaken(self, place: Place | None) -> bool:
        return place is not None and any(
            mistake.place.path.startswith(place.path) for mistake in self._mistakes
        )


def _kept(rows: Iterable[Facts], now: dt.datetime) -> list[Facts]:
    return [row for row in rows if row.retires_at is None or row.retires_at > now]
