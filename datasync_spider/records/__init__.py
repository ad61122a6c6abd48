"""What is known of the remote API. Pure: bytes and headers in, values or errors out; no I/O, no clock, no framework."""
