"""SIP: a user agent without I/O (``useragent``) and its asyncio shell (``endpoint``, ``trunk``)."""
