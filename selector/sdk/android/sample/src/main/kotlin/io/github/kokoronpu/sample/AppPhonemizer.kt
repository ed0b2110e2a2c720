package io.github.kokoronpu.sample

import android.content.Context
import io.github.kokoronpu.AndroidEngine
import io.github.kokoronpu.Phonemizer

/**
 * The one place where the app's phonemizer plugs in: voices of [LANGUAGES] are offered to Android, and [make] is called
 * when the engine is opened. The sample takes the engine's own phonemizer of English.
 */
object AppPhonemizer {
    val LANGUAGES = setOf("en-us", "en-gb")

    /** Takes a moment. A phonemizer that is `Closeable` is closed after the engine. */
    fun make(context: Context): Phonemizer = AndroidEngine.english(context)
}
