"""Reads what strangers made in a process of its own, which has little memory, little time and no keys."""
