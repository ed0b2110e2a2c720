package io.github.kokoronpu.sample

import android.app.Activity
import android.os.Bundle
import android.widget.Button
import android.widget.EditText
import android.widget.LinearLayout
import android.widget.TextView

/** A text, a button that speaks it with the first voice, a button that stops, and a line that says what happened. */
class MainActivity : Activity() {
    private lateinit var status: TextView

    @Volatile
    private var task: SpeechTask? = null

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        val text = EditText(this)
        text.setText(R.string.sample_text)
        status = TextView(this)
        val column = LinearLayout(this)
        column.orientation = LinearLayout.VERTICAL
        column.fitsSystemWindows = true
        val speak = button(R.string.speak) { speak(text.text.toString()) }
        for (view in listOf(text, speak, button(R.string.stop) { stop() }, status)) column.addView(view)
        setContentView(column)
    }

    private fun button(label: Int, act: () -> Unit): Button {
        val button = Button(this)
        button.setText(label)
        button.setOnClickListener { act() }
        return button
    }

    private fun speak(text: String) {
        stop()
        say(getString(R.string.working))
        Thread { speakNow(text) }.start()
    }

    private fun speakNow(text: String) {
        try {
            SharedEngine.use(this) { npu ->
                val voice = SharedEngine.languages(this).voices.first()
                val now = SpeechTask(npu, text, voice, 100, TrackSink { say(it) })
                task = now
                now.run()
            }
        } catch (error: Exception) { // no package, a full disk, or the engine's: the package is not what it should be
            say(error.message ?: error.toString())
        }
    }

    private fun stop() {
        task?.stop()
    }

    private fun say(line: String) = runOnUiThread { status.text = line }

    override fun onDestroy() {
        stop()
        super.onDestroy()
    }
}
