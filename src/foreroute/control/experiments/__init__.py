"""Experiments as the control plane runs them: counted from the ledger, judged, stopped, promoted."""
