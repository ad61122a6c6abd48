"""A project's folder: what ``datasync init`` puts there, and the catalog of sources that it may begin with."""
