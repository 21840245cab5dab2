"""Which digest the MIC of an unsigned message is in: the first that its sender lists (G3)."""

import hashlib
from dataclasses import replace

import pytest

from as2gateway.algorithms import DigestAlgorithm
from tests.gateway.matrix.rows import Row, run
from tests.gateway.matrix.runs import LAYERS, X12, addressed, check_answer, inbound, receive
from tests.gateway.splits import SPLITS, Split
from tests.gateway.wrapping import document, wrap

#: what is asked for, and the name that the MDN has for it: the requester's own spelling
CHOICES = {
    "micalg=sha-256": ("sha-256", "sha-256"),
    "micalg=sha1,md5": ("sha1,md5", "sha1"),
    "micalg=unknown,sha-256": ("unknown,sha-256", "sha-256"),
    "micalg absent": ("", "sha-256"),
}


@pytest.mark.parametrize("split", SPLITS)
@run("G3")
def test_the_first_digest_that_is_known_makes_the_mic(row: Row, split: Split) -> None:
    asked, chosen = CHOICES[row.variant]
    entity, covered = wrap(document(X12), LAYERS[row.packaging])
    received = receive(addressed(entity, row.asks, asked), inbound(row), split=split)
    assert received.payload == X12
    mic = hashlib.new(chosen.replace("-", ""), covered).digest()
    found = check_answer(received, (mic, chosen))
    assert DigestAlgorithm.parse(found.micalg) is DigestAlgorithm.parse(chosen)


@run("G3", only={"micalg absent"})
def test_where_nothing_is_listed_the_connection_says_which(row: Row) -> None:
    entity, covered = wrap(document(X12), LAYERS[row.packaging])
    legacy = replace(inbound(row), default_digest=DigestAlgorithm.SHA1)
    received = receive(addressed(entity, row.asks, ""), legacy)
    check_answer(received, (hashlib.sha1(covered).digest(), "sha1"))
