package io.github.kokoronpu.sample

import io.github.kokoronpu.Phonemizer

/** A word that the list lacks. */
class UnknownWordException(word: String) :
    IllegalArgumentException("'$word' is not in the sample's list of words; see AppPhonemizer.kt for a real phonemizer")

/**
 * Phonemes by a list of words alone, for the sample's own sentences.
 *
 * @param lines `word<TAB>phonemes`, words in small letters; `#` begins a remark.
 */
class WordList(lines: Sequence<String>) : Phonemizer {
    private val phonemes = lines.filter { '\t' in it && !it.startsWith("#") }
        .associate { it.substringBefore('\t') to it.substringAfter('\t').trim() }

    /** @throws UnknownWordException the list lacks a word. */
    override fun phonemize(text: String, language: String): String {
        val said = StringBuilder()
        for (part in PART.findAll(text)) {
            val word = String(part.value.map { Character.toLowerCase(it) }.toCharArray()).replace('’', '\'')
            if (!word[0].isLetterOrDigit()) {
                said.append(word)
                continue
            }
            if (said.isNotEmpty()) said.append(' ')
            said.append(phonemes[word] ?: throw UnknownWordException(part.value))
        }
        return if (said.any { it.isLetter() }) said.toString() else ""
    }

    private companion object {
        val PART = Regex("[\\p{L}\\p{N}]+(?:['’][\\p{L}]+)*|[.,;:!?…—]")
    }
}
