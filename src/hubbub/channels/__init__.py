"""Doors out for durable deliveries, one file each, by the `protocol` of a subscription."""
