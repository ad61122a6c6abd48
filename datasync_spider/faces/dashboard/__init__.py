"""The status page: a read-only web page over the database, for every stream and run of all machines that write there.

From below to above: words and view models, which are pure (``phrases``, ``visible``, ``remedies``, ``activity``,
``runrow``, ``streamrow``, ``snapshot``, ``series``, ``rejections``, ``daily``); what keeps questions few and off the
event loop (``questions``, ``poller``, ``curves``, ``heavycounts``); and the web (``guard``, ``replies``, ``assets``,
``api``, ``live``, ``site``, ``server``). The page itself is in ``assets/``.

Invariant: nothing here writes to the database, and nothing of an event or a peer becomes markup.
"""
