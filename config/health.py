"""Whether the process lives (``/healthz``) and the gateway can take messages (``/readyz``)."""

import datetime as dt
import logging
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Min, Q
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from config.insiders import is_inside
from config.models import Heartbeat
from config.tasks import BACKGROUND
from messages.models import MDN, Delivery, Direction, Message
from messages.store import get_store
from partners.models import ConnectionState

# Work that is due for longer than this waits for a worker that does not come.
MAX_WAIT: Final = dt.timedelta(minutes=5)

# Two missed beats may be a busy worker.
MAX_SILENCE: Final = dt.timedelta(seconds=3 * settings.HEARTBEAT_SECONDS)

logger = logging.getLogger(__name__)

#: checks of which the log of this process has told
_told: Final[set[str]] = set()


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found. Without a required one the gateway cannot take a message."""

    ok: bool
    required: bool
    detail: str


@require_safe
def healthz(_request: HttpRequest) -> JsonResponse:
    """Answer that this process serves requests; asks neither database nor disk."""
    return JsonResponse({"status": "alive"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer with each check; 503 when a message could not be taken and kept.

    Silent background work makes the status ``degraded`` and the answer stays 200: documents
    are still received safely, and a load balancer must not turn partners away for it.
    """
    found = {name: check() for name, check in CHECKS.items()}
    for name, check in found.items():
        _tell(name, check)
    ready = all(check.ok for check in found.values() if check.required)
    well = all(check.ok for check in found.values())
    body = {
        "status": "ready" if well else "degraded" if ready else "unavailable",
        "checks": {name: _shown(check, request) for name, check in found.items()},
    }
    return JsonResponse(body, status=200 if ready else 503)


def _shown(check: Check, request: HttpRequest) -> dict[str, object]:
    """Say whether all is well; what was found, and texts of the database, to insiders alone."""
    return asdict(check) if is_inside(request) else {"ok": check.ok}


def _tell(name: str, check: Check) -> None:
    """Write into the log what is wrong, once until it is well again."""
    if check.ok:
        _told.discard(name)
    elif name not in _told:
        _told.add(name)
        logger.warning("readyz: %s: %s", name, check.detail)


def check_database() -> Check:
    """Ask the database for anything."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return Check(ok=False, required=True, detail=f"The database does not answer: {error}")
    return Check(ok=True, required=True, detail=connection.vendor)


def check_store() -> Check:
    """Write to the store, and look how much room is left."""
    try:
        get_store().probe()
        free = shutil.disk_usage(settings.AS2_STORE).free
    except OSError as error:
        return Check(ok=False, required=True, detail=f"The store cannot be written: {error}")
    enough = free >= settings.AS2_MIN_FREE_SPACE
    return Check(
        ok=enough, required=True, detail=f"{free} bytes free, {settings.AS2_MIN_FREE_SPACE} needed"
    )


def check_background() -> Check:
    """See whether beat and a worker left their mark lately."""
    try:
        last = Heartbeat.objects.filter(name=BACKGROUND).first()
    except DatabaseError:
        return Check(ok=False, required=False, detail="Unknown without the database.")
    if last is None:
        return Check(ok=False, required=False, detail="No background work was seen yet.")
    silence = timezone.now() - last.at
    return Check(
        ok=silence <= MAX_SILENCE,
        required=False,
        detail=f"Background work was last seen {silence.total_seconds():.0f} s ago.",
    )


def check_backlog() -> Check:
    """See how long the longest waiting work is due; what is parked waits on purpose."""
    now = timezone.now()
    parked = Q(direction=Direction.OUTBOUND) & ~Q(connection__state=ConnectionState.ACTIVE)
    work = (Message.objects.exclude(parked), MDN.objects.all(), Delivery.objects.all())
    try:
        first = [rows.filter(due_at__lte=now).aggregate(at=Min("due_at"))["at"] for rows in work]
    except DatabaseError:
        return Check(ok=False, required=False, detail="Unknown without the database.")
    oldest = min((at for at in first if at is not None), default=now)
    wait = now - oldest
    return Check(
        ok=wait <= MAX_WAIT,
        required=False,
        detail=f"The longest waiting work is due for {wait.total_seconds():.0f} s.",
    )


CHECKS: Final[dict[str, Callable[[], Check]]] = {
    "database": check_database,
    "store": check_store,
    "background": check_background,
    "backlog": check_backlog,
}
