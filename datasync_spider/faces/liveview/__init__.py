"""A running crawl on a terminal: whether it is drawn there (``mode``), the picture (``panel``), the place (``screen``)."""
