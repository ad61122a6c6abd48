"""Looks at everything that a crawl will need, before it does, and says what to do about what is amiss.

Invariant: looking changes nothing and spends nothing: no row is written, no page is asked for, the key is not shown
around. What is found becomes a :class:`~datasync_spider.ops.doctor.finding.Finding`; printing is the command's.
"""
