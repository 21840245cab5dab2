"""Pages of deliveries: payloads on their way to the business side."""

from django.contrib import admin
from django.contrib import messages as flash
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from audit.addresses import address_of
from audit.badges import badge
from audit.links import link_to
from audit.theme import ChoicesDropdownFilter, RangeDateTimeFilter, ReadOnlyAdmin
from messages import delivering, dispatch, pulling
from messages.admin.words import DELIVERY_TONES, moment
from messages.models import Delivery, DeliveryState
from messages.visibility import BY_MESSAGE
from partners.access.pages import ScopedAdmin


@admin.register(Delivery)
class DeliveryAdmin(ScopedAdmin, ReadOnlyAdmin):
    """Where each accepted payload went, or why it did not."""

    reach = BY_MESSAGE
    list_display = ("time", "source", "route", "target", "verdict", "failure_text")
    list_filter = (("state", ChoicesDropdownFilter), ("created_at", RangeDateTimeFilter))
    search_fields = ("target", "message__message_id")
    search_help_text = "Target or Message-ID"
    ordering = ("-created_at", "-pk")
    fields = (*list_display, "next_try", "finished")
    readonly_fields = ("time", "source", "verdict", "next_try", "finished")
    actions = ("retry_selected", "acknowledge_selected")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        """Fetch the message with it."""
        return super().get_queryset(request).select_related("message")

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Say whether this user may retry."""
        return request.user.has_perm("as2_messages.retry_delivery")

    @admin.action(description="Retry what is held", permissions=["retry"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """Queue what is held; what is queued already is tried again by itself."""
        actor = request.user.get_username()
        released = [row for row in queryset if delivering.release(row, actor)]
        for row in released:
            dispatch.wake_delivery(row.pk)
        if released:
            flash.success(request, f"Deliveries that are tried again now: {len(released)}.")
        if len(released) < len(queryset):
            flash.info(request, "Deliveries that are not held were left alone.")

    def has_acknowledge_permission(self, request: HttpRequest) -> bool:
        """Say whether this user may acknowledge."""
        return request.user.has_perm("as2_messages.acknowledge_delivery")

    @admin.action(description="Acknowledge what waits to be fetched", permissions=["acknowledge"])
    def acknowledge_selected(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """Note that the business side has it, where its program cannot say so."""
        actor, address = request.user.get_username(), address_of(request)
        done = [row for row in queryset if pulling.acknowledge(row, actor, address)]
        if done:
            flash.success(request, f"Deliveries that are acknowledged: {len(done)}.")
        if len(done) < len(queryset):
            flash.info(request, "Deliveries that do not wait to be fetched were left alone.")

    @admin.display(description="time (UTC)", ordering="created_at")
    def time(self, row: Delivery) -> str:
        """Show since when."""
        return moment(row.created_at)

    @admin.display(description="message")
    def source(self, row: Delivery) -> SafeString:
        """Link to its message."""
        return link_to(row.message, row.message.filename or row.message.message_id)

    @admin.display(description="state", ordering="state")
    def verdict(self, row: Delivery) -> SafeString:
        """Show the state as a badge."""
        state = DeliveryState(row.state)
        return badge(DELIVERY_TONES[state], state.value)

    @admin.display(description="next try (UTC)")
    def next_try(self, row: Delivery) -> str:
        """Show when it is tried next."""
        return moment(row.due_at)

    @admin.display(description="finished (UTC)")
    def finished(self, row: Delivery) -> str:
        """Show when the business side had it."""
        return moment(row.finished_at)
