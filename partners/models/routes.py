"""Route: how what a partner sends gets to the business side."""

from django.db import models


class Route(models.TextChoices):
    """Put into a folder of the inbox, or kept until the business side fetches it by the API."""

    FOLDER = "folder"
    PULL = "pull"
