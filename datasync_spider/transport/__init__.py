"""One request over the network, and its whole answer: Scrapy's own client with what it does not promise around it.

Nothing of the API is known here, and nothing is asked again but what a dead kept connection swallowed.
"""
