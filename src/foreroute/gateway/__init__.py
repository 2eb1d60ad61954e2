"""The data plane: takes requests, chooses a channel, forwards, and records one attempt per try."""
