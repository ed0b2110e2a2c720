package io.github.kokoronpu.sample

import android.media.AudioFormat
import android.speech.tts.SynthesisCallback
import android.speech.tts.SynthesisRequest
import android.speech.tts.TextToSpeech
import android.speech.tts.TextToSpeechService
import android.speech.tts.Voice
import android.util.Log

/**
 * Android's own text to speech, spoken by the engine: once it is chosen in the settings, every app that uses
 * `TextToSpeech` speaks with it.
 *
 * A request's rate is the engine's speed. Its pitch is not followed: Kokoro has no such input, and resampling would
 * spoil the voice.
 */
class KokoroTtsService : TextToSpeechService() {
    private val spoken: SpokenLanguages by lazy { SharedEngine.languages(this) }

    @Volatile
    private var loaded: SpokenLanguage? = null

    @Volatile
    private var task: SpeechTask? = null

    override fun onIsLanguageAvailable(language: String?, country: String?, variant: String?): Int =
        when (spoken.availability(language, country)) {
            Availability.NONE -> TextToSpeech.LANG_NOT_SUPPORTED
            Availability.LANGUAGE -> TextToSpeech.LANG_AVAILABLE
            Availability.COUNTRY -> TextToSpeech.LANG_COUNTRY_AVAILABLE
        }

    override fun onGetLanguage(): Array<String> {
        val now = loaded ?: spoken.languages.firstOrNull() ?: return arrayOf("", "", "")
        return arrayOf(now.language, now.country, "")
    }

    override fun onLoadLanguage(language: String?, country: String?, variant: String?): Int {
        spoken.find(language, country)?.let { loaded = it }
        return onIsLanguageAvailable(language, country, variant)
    }

    override fun onGetVoices(): List<Voice> = spoken.voices.map { name ->
        val language = checkNotNull(SpokenLanguage.of(name)) { name }
        Voice(name, language.locale, Voice.QUALITY_HIGH, Voice.LATENCY_NORMAL, false, emptySet())
    }

    override fun onIsValidVoiceName(name: String?): Int =
        if (name in spoken.voices) TextToSpeech.SUCCESS else TextToSpeech.ERROR

    override fun onLoadVoice(name: String?): Int = onIsValidVoiceName(name)

    override fun onGetDefaultVoiceNameFor(language: String?, country: String?, variant: String?): String? =
        spoken.voiceFor(language, country)

    override fun onSynthesizeText(request: SynthesisRequest, callback: SynthesisCallback) {
        val voice = spoken.voiceOf(request.voiceName, request.language, request.country)
        if (voice == null) {
            Log.w(TAG, "nobody speaks ${request.language}-${request.country}")
            callback.error(TextToSpeech.ERROR_INVALID_REQUEST)
            return
        }
        val text = request.charSequenceText.toString()
        try {
            SharedEngine.use(this) { npu ->
                val now = SpeechTask(npu, text, voice, request.speechRate, CallbackSink(callback))
                task = now
                now.run()
            }
        } catch (error: Exception) { // no package, a full disk, or the engine's: the package is not what it should be
            Log.e(TAG, "no engine", error)
            callback.error(TextToSpeech.ERROR_NOT_INSTALLED_YET)
        } finally {
            task = null
        }
    }

    override fun onStop() {
        task?.stop()
    }

    override fun onDestroy() {
        super.onDestroy()
        SharedEngine.closeIfIdle()
    }

    private class CallbackSink(private val callback: SynthesisCallback) : SoundSink {
        override val mostBytes: Int get() = callback.maxBufferSize

        override fun start(sampleRate: Int): Boolean =
            callback.start(sampleRate, AudioFormat.ENCODING_PCM_16BIT, 1) == TextToSpeech.SUCCESS

        override fun write(bytes: ByteArray, offset: Int, length: Int): Boolean =
            callback.audioAvailable(bytes, offset, length) == TextToSpeech.SUCCESS

        override fun done() {
            callback.done()
        }

        override fun cancelled() = Unit // Android knows; it stopped the speech

        override fun fail(why: SpeechFailure, error: RuntimeException) {
            Log.e(TAG, "a speech failed", error)
            val wrong = why == SpeechFailure.REQUEST
            callback.error(if (wrong) TextToSpeech.ERROR_INVALID_REQUEST else TextToSpeech.ERROR_SYNTHESIS)
        }
    }

    private companion object {
        const val TAG = "KokoroTtsService"
    }
}
