"""A package on a phone over adb, and the receipt."""
