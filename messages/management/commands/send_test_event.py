"""``manage.py send_test_event NAME``: see whether a webhook takes a signed event."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from audit.acting import ActingCommand
from messages.models import WebhookEventState
from messages.webhooks.testing import try_out
from partners.models import Webhook


class Command(ActingCommand):
    """Post a test event at once; the exit code is 0 only if it was taken."""

    help = "Posts the event webhook.test to the webhook of that name, and tells what it answered."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say which webhook."""
        parser.add_argument("name", metavar="NAME")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Post and tell."""
        try:
            webhook = Webhook.objects.get(name=options["name"])
        except Webhook.DoesNotExist as error:
            known = ", ".join(Webhook.objects.values_list("name", flat=True)) or "none"
            text = f"No webhook is called {options['name']}. There are: {known}"
            raise CommandError(text) from error
        event = try_out(webhook, self.actor)
        if event.state != WebhookEventState.TAKEN:
            raise CommandError(f"{webhook} did not take {event.event_id}: {event.failure_text}")
        self.stdout.write(f"{webhook} took {event.event_id}: {event.http_status}")
