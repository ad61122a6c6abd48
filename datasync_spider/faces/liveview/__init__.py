"""Running crawls on a terminal: whether they are drawn, the picture, when and where it is drawn.

That is ``mode``, ``panel`` of one and ``manypanel`` of many, ``drawing`` and ``screen``.
"""
