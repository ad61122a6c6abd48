"""HTTP/1.1 as a client: one request after the other over a connection that is kept.

Lean, because a crawl of many small pages is bound by it: the parser is llhttp (httptools), and what is here is what
lies between it and a socket. No Scrapy here, and nothing of the API.
"""
