"""Arrivals: a message at the door, from a partner we know, before anything in it is believed."""

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from as2gateway import names
from as2gateway.headers import Headers
from as2gateway.policy import InboundPolicy, MDNMode
from as2gateway.request import AS2Request, MDNRequest
from messages.arriving_tls import NOT_KNOWN, ArrivingTLS
from messages.models import Direction
from messages.store import Writer
from partners.models import Connection
from partners.policies import find_connection, inbound_policy
from partners.urls import host_of, read_url

#: Characters of a URL that an MDN row takes; PostgreSQL refuses the whole row for one more.
_MOST_URL = 2000

#: A scheme other than HTTP's; digits after the colon are a port, and no scheme stands before it.
_BY_OTHER_MEANS = re.compile(r"\s*(?!https?:)[a-z][a-z0-9+.-]*:(?!\d)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Arrival:
    """Who sends, what the header fields say, and what the connection demands at this moment."""

    headers: Headers
    request: AS2Request
    connection: Connection
    policy: InboundPolicy
    #: digest of the request's body, hexadecimal
    wire_sha256: str
    #: where an async MDN goes; empty if the MDN is the answer to the request
    mdn_url: str
    now: dt.datetime
    #: of the connection by which it came; not known of what is read from the store
    tls: ArrivingTLS = NOT_KNOWN

    @classmethod
    def of(
        cls,
        headers: Headers,
        request: AS2Request,
        connection: Connection,
        wire_sha256: str,
        now: dt.datetime,
    ) -> "Arrival":
        """Take the policy that is in force now."""
        policy = inbound_policy(connection, now)
        asked = request.mdn.url if request.mdn else ""
        url = asked if may_be_called(asked, connection) else ""
        return cls(headers, request, connection, policy, wire_sha256, url, now)

    @property
    def message_id(self) -> str:
        """The Message-ID, or what stands in for it: the digest of the body.

        So a repetition of the same octets is still known as one (HDR-16).
        """
        return self.request.message_id or f"sha256:{self.wire_sha256}"

    @property
    def asked(self) -> MDNRequest | None:
        """The MDN that is asked for; None also if it is wanted by mail, which nothing sends here.

        A quirk has that one go with the answer (HDR-25).
        """
        return None if self._wants_mail else self.request.mdn

    @property
    def _wants_mail(self) -> bool:
        wanted = self.request.mdn is not None and _BY_OTHER_MEANS.match(self.request.mdn.url)
        return bool(wanted) and not self.policy.quirks.mdn_instead_of_mail

    @property
    def mdn_mode(self) -> MDNMode:
        """How the partner is answered."""
        if self.asked is None:
            return MDNMode.NONE
        return MDNMode.ASYNC if self.mdn_url else MDNMode.SYNC

    @property
    def notes(self) -> list[str]:
        """What an operator should know of the request itself."""
        notes = []
        if self.request.message_id is None:
            notes.append("the message has no Message-ID; the digest of its body stands in for it")
        if self.request.mdn and self._wants_mail:
            notes.append(
                f"an MDN was asked for at {self.request.mdn.url[:200]}, and only HTTP is spoken "
                "here: the message was taken without one. If the partner wants it in the answer, "
                "set “MDN instead of mail”"
            )
        if self.asked and self.asked.url and not self.mdn_url:
            notes.append(
                f"the MDN was asked for at {self.asked.url[:200]}, which is not a host of "
                "this connection: it was the answer to the request instead. If the partner is "
                "right, add that host to “hosts for async MDNs”"
            )
        if self.tls.is_old:
            notes.append(
                f"it came over {self.tls.version}, which is forbidden (RFC 8996): ask the partner "
                "to switch TLS 1.2 on, and switch the old versions off at your proxy"
            )
        return notes

    def fields(self, raw: Writer, address: str | None) -> dict[str, Any]:
        """Columns of the message's row that are known before it is read."""
        return {
            "direction": Direction.INBOUND,
            "connection": self.connection,
            "organization_name": self.connection.organization.name,
            "partner_name": self.connection.partner.name,
            "as2_from": self.request.as2_from,
            "as2_to": self.request.as2_to,
            "message_id": self.message_id,
            "subject": self.request.subject[:998],
            "content_type": self.request.content_type.type[:255],
            "address": address,
            "tls_version": self.tls.version,
            "tls_suite": self.tls.suite,
            "headers": [list(pair) for pair in self.headers],
            "raw_key": raw.key,
            "wire_size": raw.size,
            "wire_sha256": raw.sha256,
            "mdn_mode": self.mdn_mode,
            "mdn_signed": bool(self.asked and self.asked.signed),
        }


def find_receiver(request: AS2Request) -> tuple[AS2Request, Connection | None]:
    """Find the connection of a message, and the request with the names that it has there.

    A name with spaces and no quotes is the whole of it; only if nobody is called so, it is its
    first word (HDR-06).
    """
    for as2_from in _readings(request.as2_from, request.from_field):
        for as2_to in _readings(request.as2_to, request.to_field):
            connection = find_connection(as2_from, as2_to)
            if connection is not None:
                return replace(request, as2_from=as2_from, as2_to=as2_to), connection
    return request, None


def _readings(name: str, field: str) -> Iterator[str]:
    yield name
    if word := names.first_word(field):
        yield word


def may_be_called(url: str, connection: Connection) -> bool:
    """Whether an MDN may be posted to a URL that a message names (threats R23, SEC-07).

    Anybody can write a URL into a header field. So its host must be that of the connection's own
    URL, or one that an operator has listed; addresses are not guessed at.
    """
    try:
        target = read_url(url)
        own = host_of(read_url(connection.url))
    except ValueError:
        return False
    listed = {host.strip().lower() for host in connection.mdn_hosts.split(",")}
    plain = target.auth is None and "\\" not in url
    return len(url) <= _MOST_URL and plain and host_of(target) in {own, *listed}
