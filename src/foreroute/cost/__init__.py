"""What the traffic costs: prices, the ledger, budgets, and what the same traffic would cost elsewhere."""
