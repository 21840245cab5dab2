"""The doctor's look at the certificates in a signature, and what it leaves behind."""

import gc
import weakref
from collections.abc import Callable
from dataclasses import replace

import pytest

from as2gateway.doctor.enclosed import enclosed_certificates
from as2gateway.doctor.specimen import Specimen
from tests.gateway.reading import STRICT
from tests.gateway.wrapping import THEIRS, Entity, document, encrypted, opaque, signed


@pytest.mark.parametrize("sign", [signed, opaque])
def test_of_a_message_that_was_looked_at_nothing_stays(sign: Callable[[Entity], Entity]) -> None:
    def seen(_wrapped_key: bytes) -> bool:
        return False

    entity = encrypted(sign(document()))
    policy = replace(STRICT, wrapped_key_seen=seen)
    specimen = Specimen(entity.headers, lambda: [entity.body], policy)
    assert enclosed_certificates(specimen) == (THEIRS.certificate,)
    kept = weakref.ref(seen)
    del seen, policy, specimen
    gc.collect()
    assert kept() is None
