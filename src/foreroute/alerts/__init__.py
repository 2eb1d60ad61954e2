"""Alerts worth waking for: findings become alerts, alerts become few messages, and each says what was done already."""
