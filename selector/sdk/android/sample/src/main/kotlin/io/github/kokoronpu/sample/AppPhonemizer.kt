package io.github.kokoronpu.sample

import android.content.Context
import io.github.kokoronpu.Phonemizer

/**
 * The one place where the app's phonemizer plugs in: voices of [LANGUAGES] are offered to Android, and [make] is called
 * once. The list of words that stands here knows the words of the sample's own sentences and no others.
 */
object AppPhonemizer {
    val LANGUAGES = setOf("en-us", "en-gb")
    private const val WORDS = "words_en.tsv"

    fun make(context: Context): Phonemizer =
        context.assets.open(WORDS).bufferedReader().use { WordList(it.readLines().asSequence()) }
}
