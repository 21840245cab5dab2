"""The doors of the app."""

from django.urls import path

from messages import views

urlpatterns = [path("as2", views.as2, name="as2")]
