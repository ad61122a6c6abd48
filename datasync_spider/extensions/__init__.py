"""What goes on beside the pages: the lease's heartbeat, progress. One component a file; they do not know each other."""
