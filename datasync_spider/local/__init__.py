"""Services that run on this machine for those who bring none: an embedded PostgreSQL and the bundled mock API."""
