"""Ingests what paginated APIs serve into PostgreSQL, exactly once."""

__version__ = "0.5.0"
