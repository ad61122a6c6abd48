"""The one API that this program ships more for than a file of the catalog: its source, and how ids are submitted to it.

No other package knows that there are submissions, or what this API is called.
"""
