"""The sandbox process, reset before each test, and a receiver for its webhooks, as in the sandbox's own tests."""

from tests.sandbox.conftest import process, receiver, sandbox

__all__ = ["process", "receiver", "sandbox"]
