"""What becomes of rejected events: how they are shown (``listing``), how they are tried again (``replaying``)."""
