"""The interop doctor: which settings would have made a refused message or MDN hold.

Given stored octets and the policy of a connection it tries, offline, what an operator might: other
certificates and keys, weaker algorithms, other line ends, the other engine. Nothing is accepted or
changed by it; what it finds is advice, and says what would be given up.
"""

from as2gateway.doctor.advice import Advice, Remedy, Where
from as2gateway.doctor.examining import Diagnosis, examine
from as2gateway.doctor.mdns import MDNSpecimen, examine_mdn
from as2gateway.doctor.specimen import SpareCertificate, SpareKey, Spares, Specimen

__all__ = [
    "Advice",
    "Diagnosis",
    "MDNSpecimen",
    "Remedy",
    "SpareCertificate",
    "SpareKey",
    "Spares",
    "Specimen",
    "Where",
    "examine",
    "examine_mdn",
]
