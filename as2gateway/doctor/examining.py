"""Examining a refused message: which changes, alone or together, would have let it pass."""

from collections.abc import Iterator
from dataclasses import dataclass

from as2gateway.doctor.advice import Advice, describe
from as2gateway.doctor.enclosed import enclosed_certificates
from as2gateway.doctor.specimen import NO_SPARES, Spares, Specimen, layers_of
from as2gateway.doctor.trials import Trial, enclosed_trial, trials
from as2gateway.errors import AS2Error
from as2gateway.events import Rejected

#: readings of a message; a large one takes a second or two each
_BUDGET = 120
#: changes that are tried together
_TOGETHER = 3


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong with a message, and what would help."""

    #: why it is refused by the settings that were given; None if they would take it
    fault: AS2Error | None
    #: the shortest ways to have it accepted, the harmless ones first; each works by itself
    cures: tuple[Advice, ...] = ()
    #: what the message shows that settings cannot mend
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Step:
    """A specimen with some changes made to it, and how that one is judged."""

    specimen: Specimen
    fault: Rejected
    made: tuple[Trial, ...] = ()

    @property
    def progress(self) -> tuple[int, str]:
        """How far reading came, and what stopped it there."""
        return layers_of(self.fault), type(self.fault.error).__name__


def examine(specimen: Specimen, spares: Spares = NO_SPARES) -> Diagnosis:
    """Say why a stored message is refused and what would help. Changes nothing."""
    fault = specimen.fault
    if fault is None:
        return Diagnosis(None)
    search = _Search(spares)
    steps, cures = [_Step(specimen, fault)], []
    for _ in range(_TOGETHER):
        cures = [cure for step in steps for cure in search.cured(step)]
        if cures or not search.left:
            break
        steps = search.next
        search.next = []
    return Diagnosis(fault.error, harmless_first(cures), tuple(search.evidence))


class _Search:
    """Goes from change to change as long as there is progress, the nearest first."""

    def __init__(self, spares: Spares) -> None:
        self.left = _BUDGET
        self.next: list[_Step] = []
        self.evidence: dict[str, None] = {}
        self._spares = spares

    def cured(self, step: _Step) -> Iterator[Advice]:
        """What has the message accepted with one change more; other progress goes to ``next``."""
        for trial in self._trials(step):
            if not self.left:
                return
            self.left -= 1
            changed = trial.change(step.specimen)
            fault = changed.fault
            made = (*step.made, trial)
            if fault is None:
                yield tuple(each.remedy for each in made)
                continue
            tried = _Step(changed, fault, made)
            if tried.progress != step.progress and tried.progress[0] >= step.progress[0]:
                self.next.append(tried)

    def _trials(self, step: _Step) -> Iterator[Trial]:
        made = {trial.remedy for trial in step.made}
        for certificate in enclosed_certificates(step.specimen):
            if certificate in step.specimen.policy.verify_with:
                continue
            self.evidence[f"its signature encloses the certificate {describe(certificate)}"] = None
            if certificate not in {spare.certificate for spare in self._spares.certificates}:
                yield enclosed_trial(certificate)
        for trial in trials(step.specimen, self._spares):
            if trial.remedy not in made:
                yield trial


def harmless_first(cures: list[Advice]) -> tuple[Advice, ...]:
    """The cures that give nothing up if there are any, else those that give up the least."""
    if not cures:
        return ()
    costs = {cure: sum(bool(remedy.caution) for remedy in cure) for cure in cures}
    least = min(costs.values())
    return tuple(cure for cure in dict.fromkeys(cures) if costs[cure] == least)
