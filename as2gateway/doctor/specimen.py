"""Specimens: a stored message with all that it was judged by, and what else there is to try."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from as2gateway.certificates import Certificate
from as2gateway.engines import DEFAULT_ENGINE, get_engine
from as2gateway.events import MOST_READINGS, Facts, Reading, Rejected, Verdict
from as2gateway.headers import Headers
from as2gateway.policy import DecryptionKey, InboundPolicy, Limits
from as2gateway.request import MDNRequest


@dataclass(frozen=True, slots=True)
class SpareCertificate:
    """A certificate that the policy does not take for this partner."""

    certificate: Certificate
    #: why not, in words: "retired on 2026-03-01", "of the connection AMAZON-TEST"
    status: str


@dataclass(frozen=True, slots=True)
class SpareKey:
    """A key pair of ours that the policy does not decrypt with."""

    key: DecryptionKey
    status: str


@dataclass(frozen=True, slots=True)
class Spares:
    """What is configured somewhere, and not used for this message."""

    certificates: tuple[SpareCertificate, ...] = ()
    keys: tuple[SpareKey, ...] = ()


NO_SPARES = Spares()


@dataclass(frozen=True, slots=True)
class Specimen:
    """A stored message and all that its verdict depends on."""

    headers: Headers
    #: starts the body from the beginning, at each call
    octets: Callable[[], Iterable[bytes]]
    policy: InboundPolicy
    request: MDNRequest | None = None
    limits: Limits = field(default_factory=Limits)
    engine: str = DEFAULT_ENGINE
    reading: Reading = field(default_factory=Reading)

    def verdict(self) -> Verdict:
        """Read it as receiving does, with second readings; the payload is thrown away."""
        specimen = self
        for _ in range(MOST_READINGS):
            verdict = specimen._read()
            if not isinstance(verdict, Rejected) or verdict.second_reading is None:
                return verdict
            specimen = replace(specimen, reading=verdict.second_reading)
        return verdict

    @property
    def fault(self) -> Rejected | None:
        """The verdict, if it is a refusal."""
        verdict = self.verdict()
        return verdict if isinstance(verdict, Rejected) else None

    def _read(self) -> Verdict:
        engine = get_engine(self.engine)
        receiver = engine.receiver(
            self.headers, self.policy, self.request, self.limits, self.reading
        )
        for chunk in self.octets():
            for _ in receiver.feed(chunk):
                pass
        payload, verdict = receiver.close()
        for _ in payload:
            pass
        return verdict


def layers_of(fault: Rejected) -> int:
    """How far reading came: the layers that held."""
    facts: Facts = fault.facts
    return len(facts.layers)
