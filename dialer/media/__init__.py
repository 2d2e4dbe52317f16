"""The 20 ms media plane, in a process of its own, and the recorder.

Control side: ``plane.ProcessMediaPlane`` (asyncio). Media process: ``python -m dialer.media`` runs
``worker.Worker``. Between them: ``protocol``. Free of I/O: ``rtp``, ``dtmf``, ``g711``, ``jitter``, ``vad``,
``recorder``, ``leg``, ``clock``, ``portpool``. Nothing is imported here, so that the media process
never loads asyncio.
"""
