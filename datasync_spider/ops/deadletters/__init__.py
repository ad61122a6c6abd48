"""What becomes of rejected events: how they are shown (``showing``), and how they are tried again (``replaying``)."""
