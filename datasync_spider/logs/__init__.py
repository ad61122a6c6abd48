"""The process's log: one handler on the root logger, for people or machines, with every secret taken out.

Invariant: what leaves through the handler, or through a traceback that Python prints, has passed the redactor as
finished text. What is worth logging is decided where it happens, not here.
"""

from datasync_spider.logs.install import LogHandler, also_redact, install_logging, scrapy_log_settings
from datasync_spider.logs.redaction import Redactor
from datasync_spider.logs.tracebacks import install_excepthook

__all__ = ["LogHandler", "Redactor", "also_redact", "install_excepthook", "install_logging", "scrapy_log_settings"]
