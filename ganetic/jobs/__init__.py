"""Jobs run on one process, many cores or a cluster, and the journal that keeps what came of them."""
