"""Compliance of our connections: rows become facts, findings are kept, refused or acknowledged.

The rules themselves and their evaluator are ``as2gateway.compliance``. Here: ``profiles`` (which
there are in this installation), ``facts`` and ``cases`` (what rows say), ``evaluating`` (the
findings), ``verdicts`` (what is kept of them), ``refusing`` (which of them stop a change) and
``fixing`` (settings that would satisfy the rules).
"""
