"""How good a trained generator is: metrics, their intervals, and rules that name faults."""
