"""One request over the network, and its whole answer: Scrapy's own client with what it does not promise around it.

Above it are what Scrapy takes it by (``handler``), the single requests of commands (``apiclient``), and the tokens of
OAuth2 (``tokens``). Nothing is asked again but what a dead kept connection swallowed.
"""
