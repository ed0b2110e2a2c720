"""How a quantized vocoder sounds beside the float one."""
