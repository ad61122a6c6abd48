"""Thin shells around records/ and pacing/ in Scrapy's downloader slots. They do not know each other."""
