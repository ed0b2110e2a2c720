"""Test vectors that every language of the SDK must reproduce."""
