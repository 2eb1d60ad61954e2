"""What a metric will be in minutes and hours, how sure that is, and which model has earned the right to say so."""
