"""Announced certificates: a partner's page takes note of the mail, and leads to the upload."""

from django import forms
from django.contrib import messages as flash
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from audit.links import page_of
from audit.pages import framed
from audit.theme import ModelAdmin, action
from partners import renewals
from partners.admin.rollovers import by
from partners.models import Partner


class AnnouncementForm(forms.Form):
    """What the mail says."""

    due_at = forms.DateTimeField(
        label="To be in place by (UTC)",
        widget=forms.DateTimeInput(
            attrs={"type": "datetime-local", "class": "as2-field"}, format="%Y-%m-%dT%H:%M"
        ),
        help_text="The end of the certificate that is used now, unless the mail says earlier.",
    )
    note = forms.CharField(
        label="What they say",
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "class": "as2-field"}),
        help_text="From whom the mail is, and where it is kept.",
    )


class PartnerAnnouncementAdmin(ModelAdmin):
    """What a partner's page knows of mails about new certificates."""

    @action(
        description="Certificate announced",
        url_path="announce",
        permissions=["announce_certificate"],
    )
    def announce_certificate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask by when, and open a thing to be done."""
        row = self.get_object(request, object_id)
        if not isinstance(row, Partner) or not self.has_view_permission(request, row):
            raise Http404
        now = timezone.now()
        form = AnnouncementForm(
            request.POST or None, initial={"due_at": renewals.due_by_default(row, now)}
        )
        if request.method == "POST" and form.is_valid():
            due_at, note = form.cleaned_data["due_at"], form.cleaned_data["note"]
            renewal = renewals.announce(row, due_at, note, now, by(request))
            if renewal.opened_at != now:
                flash.warning(request, "This was noted before, and is still to be done.")
            return HttpResponseRedirect(page_of(renewal))
        context = {
            "title": f"{row} announced a new certificate",
            "original": row,
            "form": form,
        }
        return framed(self, request, "partners/announce.html", context)

    def has_announce_certificate_permission(
        self, request: HttpRequest, _object_id: object = None
    ) -> bool:
        """Whoever may add certificates of partners."""
        return request.user.has_perm("partners.add_partnercertificate")
