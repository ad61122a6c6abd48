"""What is registered, as text and as a report. Pure: what there is was read by storage, what is done is a command's."""
