"""Key pairs of ours: the public side only. Private keys come in by ``apply`` and never go out."""

from django.contrib import admin

from partners.access.pages import VisibleFilter
from partners.access.visibility import Reach, visible_organizations
from partners.admin.facts import FACTS, FactsAdmin
from partners.models import KeyPair


@admin.register(KeyPair)
class KeyPairAdmin(FactsAdmin):
    """Our certificates, those that end first on top."""

    reach = Reach("organization", visible_organizations)
    list_display = ("name", "organization", "signs", "decrypts", "use", "days")
    list_select_related = ("organization",)
    list_filter = (("organization", VisibleFilter), "signs", "decrypts")
    search_fields = ["name", *FactsAdmin.search_fields]
    fields = (
        "organization",
        "name",
        ("signs", "decrypts"),
        ("activates_at", "retires_at"),
        *FACTS,
    )
    readonly_fields = ("organization", *FACTS)
