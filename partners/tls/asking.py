"""Asking: one ClientHello, one answer, on a connection of its own, within a budget of all."""

import os
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from as2gateway.tls.answers import (
    LIMIT,
    Alert,
    Flight,
    ServerHello,
    read_answer,
    read_flight,
)
from as2gateway.tls.hello import client_hello
from as2gateway.tls.suites import Suite
from as2gateway.tls.versions import Version
from partners.tls.targets import ProbeError, Target

Read = TypeVar("Read")
_PIECE: Final = 16384


class BudgetSpent(Exception):
    """There was no time, or there were no connections left for another question."""

    def __init__(self) -> None:
        super().__init__("not asked to the end: the limits of the test were reached")


class NoAnswer(Exception):
    """The server was silent until the time-out: neither a yes nor a no."""


class Refused(Exception):
    """The server refused, by an alert or by closing; the text says how."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a probe may cost: seconds for each answer and for all, and connections."""

    answer: float = 5.0
    total: float = 60.0
    connections: int = 300


@dataclass(slots=True)
class Budget:
    """What is left."""

    limits: Limits
    deadline: float = field(init=False)
    connections: int = 0

    def __post_init__(self) -> None:
        self.deadline = time.monotonic() + self.limits.total

    @property
    def seconds(self) -> float:
        """Time since the start."""
        return self.limits.total - (self.deadline - time.monotonic())

    def spend(self) -> float:
        """Count a connection; return how many seconds it may take. Raises BudgetSpent."""
        left = self.deadline - time.monotonic()
        if left <= 0 or self.connections >= self.limits.connections:
            raise BudgetSpent
        self.connections += 1
        return min(left, self.limits.answer)


class Endpoint:
    """A host and port at an address that may be connected to."""

    def __init__(self, target: Target, addresses: Iterable[str], budget: Budget) -> None:
        self.target = target
        self.budget = budget
        self.address = self._first_that_answers(tuple(addresses))

    def connect(self) -> socket.socket:
        """Open a connection; its time-out is what is left for it. Raises OSError, BudgetSpent."""
        return socket.create_connection((self.address, self.target.port), self.budget.spend())

    def ask(self, version: Version, suites: Iterable[Suite]) -> ServerHello:
        """Return what the server chose. Raises Refused, NoAnswer, NotTLS, BudgetSpent."""
        return self._ask(version, suites, _choice)

    def certificates(self, version: Version, suites: Iterable[Suite]) -> Flight:
        """Return the certificates that follow the choice. Raises like ``ask``."""
        return self._ask(version, suites, read_flight)

    def _ask(
        self, version: Version, suites: Iterable[Suite], read: Callable[[bytes], Read | None]
    ) -> Read:
        hello = client_hello(version, suites, self.target.host, os.urandom(32))
        data = b""
        try:
            with self.connect() as sock:
                until = time.monotonic() + (sock.gettimeout() or 0)
                sock.sendall(hello)
                while (answer := read(data)) is None:
                    sock.settimeout(max(until - time.monotonic(), 0.001))
                    piece = sock.recv(_PIECE)
                    if not piece or len(data) > LIMIT:
                        raise Refused("it closed the connection")
                    data += piece
        except TimeoutError as error:
            raise NoAnswer(f"no answer within {self.budget.limits.answer:g} s") from error
        except OSError as error:
            raise Refused(f"{error.strerror or error}".lower()) from error
        return answer

    def _first_that_answers(self, addresses: tuple[str, ...]) -> str:
        texts = []
        for self.address in addresses:
            try:
                self.connect().close()
            except BudgetSpent:
                break
            except OSError as error:
                texts.append(f"{self.address}: {error.strerror or error}")
            else:
                return self.address
        raise ProbeError(f"No connection to {self.target}: {'; '.join(texts)}.")


def _choice(data: bytes) -> ServerHello | None:
    answer = read_answer(data)
    if isinstance(answer, Alert):
        raise Refused(f"alert: {answer}")
    return answer
