"""Imitations of public APIs, in the shapes that their documentation shows: `/apis/NAME/...`, with synthetic records."""
