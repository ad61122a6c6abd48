"""Proves the promise for a database as it stands: each check compares what the totals claim with what there is.

``totals``, ``pagechain``, ``watermarks`` and ``completeness`` judge facts that were read of one instant, and are pure;
``deadletterchecks`` goes through the dead letters; ``remotetotal`` asks the API for its total; ``verified`` says it to
people and programs.
"""
