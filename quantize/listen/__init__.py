"""Measures how a quantized vocoder sounds compared with the float one."""
