"""Which of several ways is better, and how sure that is: arms, their sums, and intervals that hold at any time."""
