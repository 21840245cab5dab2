"""A message tells of the weak algorithms in it, whichever way it goes."""

import pytest
from asn1crypto import cms

from as2gateway.algorithms import CipherAlgorithm, DigestAlgorithm
from messages.models import Message
from messages.sending import enqueue, send
from tests import factories, openssl
from tests.gateway.test_send import split_signed
from tests.messages import sender
from tests.messages.partner import Partner
from tests.messages.sender import message
from tests.messages.servers import answer, serve

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]

FORGED = "signed with sha-1, which can be forged"
WEAK = "encrypted with des-ede3-cbc, which is weak"


def notes() -> str:
    return "; ".join(Message.objects.get().notes)


def test_a_message_that_came_so_says_so() -> None:
    factories.connection(accept_sha1=True, accept_3des=True)
    sha1, triple_des = DigestAlgorithm.SHA1, CipherAlgorithm.TRIPLE_DES_CBC
    assert sender.disposition(message(sign=sha1, encrypt=triple_des).send()) == "processed"
    assert FORGED in notes()
    assert WEAK in notes()


def test_a_message_that_goes_so_says_so_once() -> None:
    with serve(answer(status="503 Busy")) as peer:
        link = factories.connection(url=peer.url, sign="sha-1", encrypt="des-ede3-cbc")
        row = enqueue(link, [b"ISA*"], "order.edi")
        send(row.pk)
        body = peer.bodies[0]
    assert notes().count(FORGED) == notes().count(WEAK) == 1
    known = factories.identity("AMAZON")
    clear = openssl.cms_decrypt(body, openssl.Identity(known.private_key, known.certificate))
    (signer,) = cms.ContentInfo.load(split_signed(clear)[1])["content"]["signer_infos"]
    assert signer["digest_algorithm"]["algorithm"].native == "sha1"
    info = cms.ContentInfo.load(body)["content"]["encrypted_content_info"]
    cipher = info["content_encryption_algorithm"]["algorithm"].native
    assert cipher in {"tripledes_3key", "des_ede3_cbc"}


def test_strong_ones_are_not_worth_a_note() -> None:
    with serve(Partner().answers) as peer:
        row = enqueue(factories.connection(url=peer.url), [b"ISA*"], "order.edi")
        send(row.pk)
    message().send()
    assert [row.notes for row in Message.objects.all()] == [[], []]
