package io.github.kokoronpu.sample

import android.app.Activity
import android.content.Intent
import android.os.Bundle
import android.speech.tts.TextToSpeech

/** Answers Android's question which languages are installed: all that the app's package has. It shows nothing. */
class CheckVoiceData : Activity() {
    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        val spoken = ArrayList(SharedEngine.languages(this).languages.map { it.listed })
        val answer = Intent()
        answer.putStringArrayListExtra(TextToSpeech.Engine.EXTRA_AVAILABLE_VOICES, spoken)
        answer.putStringArrayListExtra(TextToSpeech.Engine.EXTRA_UNAVAILABLE_VOICES, ArrayList<String>())
        val fine = spoken.isNotEmpty()
        val code = if (fine) TextToSpeech.Engine.CHECK_VOICE_DATA_PASS else TextToSpeech.Engine.CHECK_VOICE_DATA_FAIL
        setResult(code, answer)
        finish()
    }
}
