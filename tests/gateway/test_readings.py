"""A second reading of the same octets: another digest, or other line ends (MIME-17, CMS-26)."""

import hashlib
import time

import pytest

from as2gateway import der
from as2gateway.algorithms import DigestAlgorithm
from as2gateway.canonical import line_ends
from as2gateway.cms import oids
from as2gateway.errors import IntegrityCheckFailed
from as2gateway.events import Canonical, Reading, Rejected
from tests.gateway.cms.making import (
    CONTENT,
    CONTENT_TYPE,
    Signer,
    attribute,
    digest_of,
    signed_data,
)
from tests.gateway.reading import LEGACY, OPEN, accepted, read, read_entity, rejected
from tests.gateway.splits import SPLITS, Split, one_byte
from tests.gateway.wrapping import (
    THEIRS,
    Entity,
    document,
    encrypted,
    multipart,
    opaque,
    signature,
    signed,
)

MIXED = b"Content-Type: text/plain\nX: y\r\n\none\ntwo\r\nthree\r"
FORMS = {
    Canonical.RAW: MIXED,
    Canonical.HEADERS_CRLF: b"Content-Type: text/plain\r\nX: y\r\n\r\none\ntwo\r\nthree\r",
    Canonical.ALL_CRLF: b"Content-Type: text/plain\r\nX: y\r\n\r\none\r\ntwo\r\nthree\r",
    Canonical.PLUS_CRLF: MIXED + b"\r\n",
}


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("form", FORMS)
def test_line_ends_are_repaired_as_the_form_says(form: Canonical, split: Split) -> None:
    ends = line_ends(form)
    made = b"".join(ends.update(piece) for piece in split(MIXED)) + ends.finish()
    assert made == FORMS[form]


@pytest.mark.parametrize("headers", [b"\nbody\n", b"\r\nbody\n", b"A: b\n", b"A: b"])
@pytest.mark.parametrize("split", SPLITS)
def test_a_header_block_ends_at_the_first_empty_line(headers: bytes, split: Split) -> None:
    ends = line_ends(Canonical.HEADERS_CRLF)
    made = b"".join(ends.update(piece) for piece in split(headers)) + ends.finish()
    head, empty_line, body = headers.partition(b"body\n")
    assert made == head.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + empty_line + body


def test_a_header_block_without_end_is_no_reading() -> None:
    octets = b"\n".join([b"A: b"] * 20_000)
    broken = multipart(octets, signature(b"other"))
    reading = Reading(canonical=Canonical.HEADERS_CRLF)
    verdict = read(broken.headers, [broken.body], OPEN, reading=reading)[1]
    assert "empty line" in rejected(verdict).error.reason


def test_a_header_block_in_many_pieces_costs_no_more_than_its_length() -> None:
    ends = line_ends(Canonical.HEADERS_CRLF)
    started = time.process_time()
    made = b"".join(ends.update(piece) for piece in one_byte(b"A: b\n" * 13_000 + b"\nx"))
    assert time.process_time() - started < 3  # the square of its length would take some ten
    assert made == b"A: b\r\n" * 13_000 + b"\r\nx"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("wrapped", [False, True])
def test_what_verifies_is_what_is_delivered(form: Canonical, wrapped: bool) -> None:
    entity = multipart(MIXED, signature(FORMS[form]))
    entity = encrypted(entity) if wrapped else entity
    tried, reading = [], Reading()
    payload, verdict = read_entity(entity, OPEN)
    while isinstance(verdict, Rejected) and verdict.second_reading is not None:
        assert isinstance(verdict.error, IntegrityCheckFailed)
        tried.append(reading.canonical)
        reading = verdict.second_reading
        payload, verdict = read(entity.headers, [entity.body], OPEN, reading=reading)
    facts = accepted(verdict).facts
    assert [*tried, form] == list(FORMS)[: len(tried) + 1]
    assert payload == FORMS[form].split(b"\n\r\n" if b"\n\r\n" in FORMS[form] else b"\n\n")[1]
    assert facts.mic is not None
    assert facts.mic.digest == hashlib.sha256(FORMS[form]).digest()
    assert len(facts.notes) == (form is not Canonical.RAW)


def test_no_more_than_four_readings_are_asked_for() -> None:
    entity = multipart(MIXED, signature(b"something else"))
    forms: list[Canonical] = []
    again: Reading | None = Reading()
    while again is not None:
        forms.append(again.canonical)
        verdict = read(entity.headers, [entity.body], OPEN, reading=again)[1]
        again = rejected(verdict).second_reading
    assert forms == list(FORMS)


def test_a_wrong_micalg_asks_for_the_digest_of_the_signature() -> None:
    octets = document().octets
    entity = multipart(octets, signature(octets, THEIRS, "-md", "sha512"), "sha-256")
    verdict = rejected(read_entity(entity, OPEN)[1])
    both = frozenset({DigestAlgorithm.SHA256, DigestAlgorithm.SHA512})
    assert verdict.second_reading == Reading(digests=both)
    again = read(entity.headers, [entity.body], OPEN, reading=verdict.second_reading)[1]
    facts = accepted(again).facts
    assert facts.mic is not None
    assert facts.mic.digest == hashlib.sha512(octets).digest()
    assert len(facts.notes) == 1


def test_a_digest_that_is_missing_is_run_beside_those_before() -> None:
    sha512 = DigestAlgorithm.SHA512
    content = attribute(oids.MESSAGE_DIGEST, der.octet_string(digest_of(CONTENT, sha512)))
    signers = (
        Signer(THEIRS),
        Signer(THEIRS, digest=sha512, attributes=(CONTENT_TYPE, content)),
    )
    fields = ("Content-Type: application/pkcs7-signature",)
    entity = multipart(CONTENT, Entity(fields, signed_data(*signers)).octets)
    again = rejected(read_entity(entity, OPEN)[1]).second_reading
    accepted(read(entity.headers, [entity.body], OPEN, reading=again)[1])


@pytest.mark.parametrize("micalg", ["sha2_256", '"SHA256"', "sha1,sha-256", "unknown", '""'])
def test_any_micalg_that_does_not_exclude_the_digest_is_enough(micalg: str) -> None:
    octets = document().octets
    entity = multipart(octets, signature(octets), micalg)
    facts = accepted(read_entity(entity, LEGACY)[1]).facts
    assert facts.mic is not None
    assert facts.mic.digest == hashlib.sha256(octets).digest()


def test_a_missing_micalg_runs_what_is_allowed() -> None:
    entity = signed(document())
    fields = (entity.fields[0].replace("micalg", "x-micalg"),)
    assert accepted(read_entity(Entity(fields, entity.body), OPEN)[1]).facts.signed


@pytest.mark.parametrize("what", ["opaque", "not closed"])
def test_only_a_changed_multipart_may_be_read_again(what: str) -> None:
    damaged = {
        "opaque": Entity(
            opaque(document()).fields, opaque(document()).body.replace(b"ISA*", b"ISB*")
        ),
        "not closed": Entity(signed(document()).fields, signed(document()).body[:-300]),
    }[what]
    assert rejected(read_entity(damaged, OPEN)[1]).second_reading is None


@pytest.mark.parametrize("closing", [b"", b"-", b"--", b"--\r\n \r\n", b"\r\n\r\n"])
def test_a_last_boundary_may_lack_its_end(closing: bytes) -> None:
    entity = signed(document())
    body = entity.body[: entity.body.rindex(b"--")] + closing
    assert accepted(read_entity(Entity(entity.fields, body), OPEN)[1]).facts.signed
