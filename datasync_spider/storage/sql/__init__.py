"""The SQL files, which :mod:`datasync_spider.storage.statements` reads."""
