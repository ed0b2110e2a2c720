package io.github.kokoronpu.sample

import android.media.AudioAttributes
import android.media.AudioFormat
import android.media.AudioTrack

/**
 * Plays a speech.
 *
 * @param tell is given a line for the user when it ends.
 */
class TrackSink(private val tell: (String) -> Unit) : SoundSink {
    private var track: AudioTrack? = null
    private var bufferMs = 0L

    override val mostBytes = 4800 // a tenth of a second at 24 kHz, so that a stop is heard at once

    override fun start(sampleRate: Int): Boolean {
        val encoding = AudioFormat.ENCODING_PCM_16BIT
        val mono = AudioFormat.CHANNEL_OUT_MONO
        val format = AudioFormat.Builder().setSampleRate(sampleRate).setEncoding(encoding).setChannelMask(mono).build()
        val usage = AudioAttributes.Builder().setUsage(AudioAttributes.USAGE_MEDIA)
            .setContentType(AudioAttributes.CONTENT_TYPE_SPEECH).build()
        val buffer = maxOf(AudioTrack.getMinBufferSize(sampleRate, mono, encoding), 2 * mostBytes)
        bufferMs = 1000L * buffer / PcmPieces.BYTES_PER_SAMPLE / sampleRate
        val made = AudioTrack.Builder().setAudioAttributes(usage).setAudioFormat(format)
            .setBufferSizeInBytes(buffer).build()
        made.play()
        track = made
        return true
    }

    override fun write(bytes: ByteArray, offset: Int, length: Int): Boolean =
        track?.write(bytes, offset, length) == length

    override fun done() {
        track?.stop() // it goes on with what its buffer holds, which `release` would cut off
        Thread.sleep(bufferMs)
        release("")
    }

    override fun cancelled() = release("")

    override fun fail(why: SpeechFailure, error: RuntimeException) = release(error.message ?: error.toString())

    private fun release(line: String) {
        track?.release()
        track = null
        tell(line)
    }
}
