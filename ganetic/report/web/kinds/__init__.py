"""What a report can be of: a file for each kind of run."""
