"""Who may find, hear and take away recorded calls: roles, requests and grants, search, quality checks.

Pure: ``now`` is passed in, nothing here reads a clock, a file or a database.
"""
