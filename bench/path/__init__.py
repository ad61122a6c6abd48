"""One page's way from answer to COMMIT, traced: ``python -m bench path``."""
