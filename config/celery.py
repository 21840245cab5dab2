"""The Celery application: ``celery -A config.celery worker`` and ``beat``."""

import logging.config
import os
import signal
import warnings

import billiard.pool
from celery import Celery, Task
from celery.signals import setup_logging, worker_process_init
from django.conf import settings

from config.pool_watch import PoolWatch
from config.processes import die_with_parent
from config.pulse import BrokerWatch, WorkerPulse

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# Celery warns root for the sake of pickled tasks; ours are JSON.
warnings.filterwarnings("ignore", "You're running the worker with superuser privileges")


class GatewayTask(Task):  # type: ignore[type-arg]  # generic in its stubs only
    """What all tasks have in common."""

    Request = "config.calls:Call"


app = Celery("as2gateway", task_cls=GatewayTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(WorkerPulse)
app.steps["worker"].add(PoolWatch)
app.steps["consumer"].add(BrokerWatch)


# A pool process that ends waits this often, a tenth of a second each, for its worker to have read
# all results; a worker that is ending itself reads none. Here nothing ever depends on a result.
billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = 20


@setup_logging.connect
def log_as_django_does(**_kwargs: object) -> None:
    """Keep Celery from replacing our log handlers by its own."""
    logging.config.dictConfig(settings.LOGGING)


@worker_process_init.connect
def end_with_the_worker(**_kwargs: object) -> None:
    """Let no pool process outlive a worker that was killed, and hold on to its lease."""
    die_with_parent(signal.SIGKILL)
