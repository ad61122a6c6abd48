"""Which syncs are done, and in which order. How one is done is :mod:`datasync_spider.sync`'s business."""
