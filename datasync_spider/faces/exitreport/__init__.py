"""How a crawl ended, as the last thing that it says: what is said (``summary``), and how it leaves (``printing``)."""
