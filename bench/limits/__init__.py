"""What the machine can do at best, measured beside the crawl: PostgreSQL's COPY, and a client that does nothing."""
