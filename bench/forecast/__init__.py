"""How good the forecasts are on recorded series, and what a minute of them costs. Rolling origin, no look-ahead."""
