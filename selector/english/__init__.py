"""The data of the SDK's English phonemizer, made from misaki's dictionaries."""
