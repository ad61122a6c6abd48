"""What becomes of rejected events: how they are shown (``letterlist``), how they are tried again (``replaying``)."""
