"""What the page of a connection knows of messages: the button that tests it by one."""

from django.contrib import admin
from django.contrib import messages as flash
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone

from audit.links import page_of
from audit.theme import action
from messages.admin.verdicts import verdict
from messages.onboarding import testing
from partners.admin import ConnectionAdmin
from partners.models import Connection, Environment

admin.site.unregister(Connection)


@admin.register(Connection)
class TestableConnectionAdmin(ConnectionAdmin):
    """Connections, with a test of the whole way: keys, endpoint, message, MDN."""

    actions_detail = ("test_connection", *ConnectionAdmin.actions_detail)

    @action(description="Test connection", url_path="test", permissions=["test_connection"])
    def test_connection(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send a test message when that was asked for, and show each step in green or red."""
        row = self.get_object(request, object_id)
        if not isinstance(row, Connection) or not self.has_view_permission(request, row):
            raise Http404
        if request.method == "POST":
            testing.start(row, request.user.get_username())
            flash.success(request, "A test message is on its way.")
            return HttpResponseRedirect(request.path)
        now = timezone.now()
        message = testing.latest_test(row)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Test of {row}",
            "opts": self.opts,
            "original": row,
            "rows": testing.judge(row, message, now),
            "message": message,
            "message_page": page_of(message) if message else "",
            "verdict": verdict(message, now) if message else None,
            "is_open": message is not None and testing.is_open(message),
            "counts": row.environment == Environment.PRODUCTION,
            "back": page_of(row),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "as2_messages/test_connection.html", context)

    def has_test_connection_permission(
        self, request: HttpRequest, _object_id: object = None
    ) -> bool:
        """Whoever may edit it and see what came of it."""
        return request.user.has_perms(("partners.change_connection", "as2_messages.view_message"))
