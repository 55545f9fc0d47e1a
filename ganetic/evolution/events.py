"""What happens to a search beside its trials, by the names under which its journal keeps it."""

STOP, FINISHED, LIMIT, TIMING_AFFECTED = "stop", "finished", "limit", "timing_affected"
"""Names of events in the journal."""
EXHAUSTED = "space_exhausted"
"""Why a search stops whose space seems to hold no more losses."""
