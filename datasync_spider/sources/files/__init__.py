"""From the text of a TOML file to a source, or to all of its mistakes at once. Pure: the caller has read the file."""
