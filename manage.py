#!/usr/bin/env python
"""Run a command of the gateway: ``manage.py help`` lists them."""

import os
import sys

from config.managing import Manager

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    Manager(sys.argv).execute()
