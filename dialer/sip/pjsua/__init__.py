"""PJSIP as another signalling engine for a trunk, in a process of its own.

PJSIP is free under the GPL 2 or later, or under a commercial licence. Nothing of it is loaded unless a
trunk says ``driver = "pjsua2"``, and then only by ``python -m dialer.sip.pjsua``, which imports nothing of
this package but ``protocol`` and ``sdptext``.
"""
