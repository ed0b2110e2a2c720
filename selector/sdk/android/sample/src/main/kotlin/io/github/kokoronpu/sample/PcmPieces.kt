package io.github.kokoronpu.sample

/** Sound as Android plays it: 16-bit samples, the low byte first. */
object PcmPieces {
    const val BYTES_PER_SAMPLE = 2
    private const val LOUDEST = 32767f

    /** Float samples in -1 to 1, two bytes each; what is louder is cut, and what is no number is silent. */
    fun bytesOf(samples: FloatArray): ByteArray {
        val bytes = ByteArray(samples.size * BYTES_PER_SAMPLE)
        for (i in samples.indices) {
            val exact = Math.rint((samples[i] * LOUDEST).toDouble())
            val value = if (exact.isNaN()) 0 else exact.coerceIn(-32768.0, 32767.0).toInt()
            bytes[2 * i] = value.toByte()
            bytes[2 * i + 1] = (value shr 8).toByte()
        }
        return bytes
    }

    /**
     * Gives [bytes] to [take] in pieces of at most [most] bytes, none of which cuts a sample in two; ends where [take]
     * says false.
     *
     * @return whether everything was taken.
     */
    fun give(bytes: ByteArray, most: Int, take: (offset: Int, length: Int) -> Boolean): Boolean {
        val piece = maxOf(most - most % BYTES_PER_SAMPLE, BYTES_PER_SAMPLE)
        for (offset in bytes.indices step piece) {
            if (!take(offset, minOf(piece, bytes.size - offset))) return false
        }
        return true
    }
}
