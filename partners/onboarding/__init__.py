"""Onboarding: from a partner's data sheet to connections that work.

``drafting`` makes a partner and its connections at once, ``wizard`` asks for them, ``promoting``
brings what works in test to production, ``sheet`` says what the other side has to know of us, and
``loopback`` is a partner to rehearse with: ourselves.
"""
