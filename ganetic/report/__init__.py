"""What people and programs read of runs, studies and losses: pages of tables, what draws them, and progress."""
