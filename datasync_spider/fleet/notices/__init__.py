"""Notifies a receiver of the user's by HTTP when a stream fails, recovers or is late."""
