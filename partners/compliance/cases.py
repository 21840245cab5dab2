"""Case: a connection with all that it is judged by, whether saved yet or not."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from django.conf import settings
from django.db.models import QuerySet

from as2gateway.compliance.facts import Facts, SiblingFacts
from partners.compliance.facts import (
    certificate_of_ours,
    certificate_of_theirs,
    connection_facts,
    key_facts,
)
from partners.models import APIKeyPair, APIKeyState, Connection, KeyPair, PartnerCertificate
from partners.tls.environment import environment_facts
from partners.tls.history import last_facts


@dataclass(frozen=True, slots=True)
class Case:
    """A connection, its certificates and our key pairs, as they are or are to be."""

    connection: Connection
    certificates: tuple[PartnerCertificate, ...]
    pairs: tuple[KeyPair, ...]

    @classmethod
    def stored(cls, connection: Connection) -> Self:
        """Take what the database has for a connection, whose own columns may be new ones."""
        certificates = connection.certificates.all() if connection.pk else ()
        pairs = connection.organization.keys.all() if connection.organization.pk else ()
        return cls(connection, tuple(certificates), tuple(pairs))

    def facts(self, siblings: Iterable[SiblingFacts] | None = None) -> Facts:
        """Say it in the words of the rules; of endpoints, what the last test found."""
        theirs = (certificate_of_theirs(row) for row in self.certificates)
        ours = (certificate_of_ours(row) for row in self.pairs)
        # Many connections in one state say no more than one of them.
        known = None if siblings is None else tuple(dict.fromkeys(siblings))
        return Facts(
            connection=connection_facts(self.connection, known),
            certificates=(*theirs, *ours),
            keys=tuple(key_facts(row) for row in self._api_keys()),
            endpoint=last_facts(self.connection.url),
            server=last_facts(settings.AS2_BASE_URL),
            environment=environment_facts(),
        )

    def _api_keys(self) -> Iterator[APIKeyPair]:
        """Give the partner's keys of this environment that are not history."""
        partner, environment = self.connection.partner, self.connection.environment
        rows = partner.api_keys.all() if partner.pk else ()
        return (
            row
            for row in rows
            if row.environment == environment and row.state != APIKeyState.RETIRED
        )


def with_all(connections: QuerySet[Connection]) -> QuerySet[Connection]:
    """Fetch with connections, in a fixed number of queries, all that they are judged by."""
    return connections.select_related("organization", "partner").prefetch_related(
        "certificates", "organization__keys", "partner__api_keys", "acknowledgements"
    )
