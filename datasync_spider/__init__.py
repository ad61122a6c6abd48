"""Ingests an events API, read through next-page cursors, into PostgreSQL exactly once."""

__version__ = "0.3.0"
