"""What a found loss is good for: comparisons on fresh seeds, and a bank of trained losses."""
