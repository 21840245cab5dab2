"""The doors: pages, REST API, health. The AS2 URL stands before these: ``messages.endpoint``."""

from django.contrib import admin
from django.urls import path, re_path
from django.views.generic import RedirectView

from config import health
from config.api import pages
from config.api.door import ROOT, door
from config.metrics.page import metrics

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("admin/", admin.site.urls),
    path(f"{ROOT}openapi.json", pages.description, name="api_description"),
    path(f"{ROOT}docs", admin.site.admin_view(pages.docs), name="api_docs"),
    re_path(rf"^{ROOT}(?P<path>.*)$", door, name="api"),
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
]
