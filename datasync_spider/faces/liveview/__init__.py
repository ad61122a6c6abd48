"""A running crawl on a terminal: whether it is drawn (``mode``), the picture (``panel``), the place (``screen``)."""
