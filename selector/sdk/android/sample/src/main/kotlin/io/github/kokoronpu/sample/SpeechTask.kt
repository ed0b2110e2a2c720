package io.github.kokoronpu.sample

import io.github.kokoronpu.KokoroNpu
import io.github.kokoronpu.KokoroNpuException
import io.github.kokoronpu.Speech
import io.github.kokoronpu.SpeechRequest

/** Where the sound of a speech goes. */
interface SoundSink {
    /** Of one [write]. */
    val mostBytes: Int

    /** Before the first sound; false where nobody listens any more. */
    fun start(sampleRate: Int): Boolean

    /** 16-bit samples; blocks while the listener is busy. False where nobody listens any more. */
    fun write(bytes: ByteArray, offset: Int, length: Int): Boolean

    /** After the last sound. */
    fun done()

    /** Instead of [done]: somebody stopped the speech, or a call of this sink said false. */
    fun cancelled()

    /** Instead of [done]. */
    fun fail(why: SpeechFailure, error: RuntimeException)
}

/** Whose fault it is that a speech ended early. */
enum class SpeechFailure { REQUEST, SYNTHESIS }

/** One text on its way from the engine to a sink: [run] blocks until the end, and [stop] is for other threads. */
class SpeechTask(
    private val npu: KokoroNpu, private val text: String, voice: String, rate: Int, private val sink: SoundSink
) {
    private val speech: Speech = npu.speak(SpeechRequest.ofText(text).withVoice(voice).withSpeed(speedOf(rate)))

    @Volatile
    private var stopped = false

    /** Ends the speech before its next stage; nothing more is written to the sink. */
    fun stop() {
        stopped = true
        speech.close()
    }

    /** Speaks, and tells the sink of the end in one of three ways. */
    fun run() {
        try {
            if (spoken()) sink.done() else sink.cancelled()
        } catch (error: RuntimeException) { // the engine's, and those of a phonemizer
            if (stopped) sink.cancelled() else sink.fail(failureOf(error), error)
        } finally {
            speech.close()
        }
    }

    /** Whether the sink took everything. */
    private fun spoken(): Boolean {
        if (stopped || !sink.start(npu.sampleRate())) return false
        // Screen readers ask for single marks; that is silence, no error.
        if (text.none { it.isLetterOrDigit() }) return true
        for (chunk in speech) if (!write(chunk.samples)) return false
        return !stopped
    }

    private fun write(samples: FloatArray): Boolean {
        val bytes = PcmPieces.bytesOf(samples)
        return PcmPieces.give(bytes, sink.mostBytes) { offset, length -> !stopped && sink.write(bytes, offset, length) }
    }

    companion object {
        /** Android's rate, 100 being the voice's own, as the engine's speed; the engine speaks at 0.5 to 2. */
        fun speedOf(rate: Int): Double = (rate / 100.0).coerceIn(0.5, 2.0)

        private fun failureOf(error: RuntimeException): SpeechFailure {
            val unspeakable = (error as? KokoroNpuException)?.kind == KokoroNpuException.Kind.TEXT
            return if (unspeakable) SpeechFailure.REQUEST else SpeechFailure.SYNTHESIS
        }
    }
}
