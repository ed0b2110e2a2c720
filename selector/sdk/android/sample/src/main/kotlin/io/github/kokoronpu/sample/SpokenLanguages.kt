package io.github.kokoronpu.sample

import java.util.Locale

/**
 * One language of Kokoro's voices.
 *
 * @param letter the first letter of its voices' names, as in `bf_emma`.
 * @param tag its name for the engine and its phonemizers.
 * @param sentence what Android's settings play as an example.
 */
enum class SpokenLanguage(val letter: Char, val tag: String, val locale: Locale, val sentence: String) {
    AMERICAN('a', "en-us", Locale.US, "This voice is made on this phone."),
    DEMO('d', "en-us", Locale.US, "This voice is made on this phone."),
    BRITISH('b', "en-gb", Locale.UK, "This voice is made on this phone."),
    SPANISH('e', "es", Locale("es", "ES"), "Esta voz se produce en este teléfono."),
    FRENCH('f', "fr-fr", Locale.FRANCE, "Cette voix est produite sur ce téléphone."),
    HINDI('h', "hi", Locale("hi", "IN"), "यह आवाज़ इसी फ़ोन पर बनती है।"),
    ITALIAN('i', "it", Locale.ITALY, "Questa voce nasce su questo telefono."),
    JAPANESE('j', "ja", Locale.JAPAN, "この声はこの電話で作られています。"),
    PORTUGUESE('p', "pt-br", Locale("pt", "BR"), "Esta voz é feita neste telefone."),
    CHINESE('z', "zh", Locale.CHINA, "这个声音是在这部手机上生成的。");

    /** Three letters of ISO 639-2, by which Android asks for a language. */
    val language: String = locale.isO3Language

    /** Three letters of ISO 3166. */
    val country: String = locale.isO3Country

    /** As Android's check of voice data lists it. */
    val listed: String = "$language-$country"

    companion object {
        /** The language of a voice's name; null where the name has none. */
        fun of(voice: String): SpokenLanguage? {
            if (voice.length < 3 || voice[1] !in "fmx" || voice[2] != '_') return null
            return values().firstOrNull { it.letter == voice[0] }
        }
    }
}

/** How well a language is spoken; the service turns it into Android's numbers. */
enum class Availability { NONE, LANGUAGE, COUNTRY }

/**
 * Which voices an app offers, for which languages.
 *
 * @param voices the names in its package.
 * @param phonemized the tags of the languages that the app's phonemizer knows; other voices are not offered.
 */
class SpokenLanguages(voices: List<String>, phonemized: Set<String>) {
    /** The voices that can speak, by alphabet. */
    val voices: List<String> = voices.filter { SpokenLanguage.of(it)?.tag in phonemized }.sorted()

    /** Their languages, the default voice's first. */
    val languages: List<SpokenLanguage> = this.voices.mapNotNull { SpokenLanguage.of(it) }.distinctBy { it.listed }

    /** Codes of two letters are taken as well; country may be empty or null. */
    fun availability(language: String?, country: String?): Availability {
        val found = find(language, country) ?: return Availability.NONE
        return if (isCountry(found, country)) Availability.COUNTRY else Availability.LANGUAGE
    }

    /** The language that answers a request: that of the country where there is one, else the first of the language. */
    fun find(language: String?, country: String?): SpokenLanguage? {
        val spoken = languages.filter { isLanguage(it, language) }
        return spoken.firstOrNull { isCountry(it, country) } ?: spoken.firstOrNull()
    }

    private fun isLanguage(spoken: SpokenLanguage, language: String?): Boolean =
        spoken.language.equals(language, ignoreCase = true) || spoken.locale.language.equals(language, ignoreCase = true)

    private fun isCountry(spoken: SpokenLanguage, country: String?): Boolean =
        spoken.country.equals(country, ignoreCase = true) || spoken.locale.country.equals(country, ignoreCase = true)

    /** The first voice for a language; null where nobody speaks it. */
    fun voiceFor(language: String?, country: String?): String? {
        val found = find(language, country) ?: return null
        return voices.first { SpokenLanguage.of(it)?.listed == found.listed }
    }

    /** The voice of a request: the named one, else the first for the language; null where nobody speaks it. */
    fun voiceOf(name: String?, language: String?, country: String?): String? =
        if (name in voices) name else voiceFor(language, country)
}
