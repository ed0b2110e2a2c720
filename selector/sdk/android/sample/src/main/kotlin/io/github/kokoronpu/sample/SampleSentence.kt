package io.github.kokoronpu.sample

import android.app.Activity
import android.content.Intent
import android.os.Bundle
import android.speech.tts.TextToSpeech

/** Gives Android's settings a sentence to play, in the language that they ask for. It shows nothing. */
class SampleSentence : Activity() {
    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        val asked = listOf("language", "country").map { intent.getStringExtra(it) }
        val language = SharedEngine.languages(this).find(asked[0], asked[1])
        val answer = Intent()
        if (language != null) answer.putExtra(TextToSpeech.Engine.EXTRA_SAMPLE_TEXT, language.sentence)
        setResult(if (language == null) TextToSpeech.LANG_NOT_SUPPORTED else TextToSpeech.LANG_AVAILABLE, answer)
        finish()
    }
}
