"""Submitting the ids of all stored events: prepare a text of them, send it, know what became of it.

Invariant: a key has few tries for its whole life, so nothing is sent that could not be meant, nothing ambiguous is
repeated, and what cannot be known counts as used. SQL is storage's, HTTP is
:mod:`datasync_spider.transport.apiclient`'s, printing the command's.
"""
