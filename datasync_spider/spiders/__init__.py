"""The spiders: what is fetched, in which order, and where a chain goes on."""
