"""Onboarding, the half that sends: a connection is tested by a real message and its real MDN."""
