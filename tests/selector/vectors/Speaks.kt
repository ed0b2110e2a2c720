// Speaks with the engine from Kotlin: Speaks PACKAGE OUT, then one line per question on standard output.
import io.github.kokoronpu.*
import java.io.DataOutputStream
import java.io.File

val letters = Phonemizer { text, _ -> if (text.any { it.isLetterOrDigit() }) text.trim() else "" }

fun write(file: File, chunks: Iterable<Spoken>): List<Spoken> = DataOutputStream(file.outputStream().buffered()).use { out ->
    chunks.map { chunk -> chunk.also { it.samples.forEach(out::writeFloat) } }
}

fun refusal(attempt: () -> Unit): String = try {
    attempt()
    "nothing"
} catch (error: KokoroNpuException) {
    listOf(error.kind, error.where, error.expected, error.got, error.todo).joinToString("|")
} catch (error: RuntimeException) {
    error.toString()
}

fun main(arguments: Array<String>) {
    val (folder, out, text) = arguments
    KokoroNpu.open(folder, letters).use { npu ->
        println("rate ${npu.sampleRate()} voices ${npu.voices()} ${npu.report()}")
        val request = SpeechRequest.ofText(text).withVoice("bf_long").withSpeed(1.3).withSeed(-1)
        val chunks = write(File(out, "text.f32"), npu.speak(request))
        println("chunks " + chunks.joinToString("|") { "${it.start} ${it.samples.size}" })
        println("words " + chunks.flatMap { it.words() }.joinToString("|") { "${it.text} ${it.start} ${it.end}" })
        write(File(out, "phonemes.f32"), npu.speak(SpeechRequest.ofPhonemes("bad dog")))
        val pieces = text.chunked(7).iterator()
        write(File(out, "pieces.f32"), npu.speak(SpeechRequest.ofPieces(pieces).withVoice("bf_long")))
        println("voice " + refusal { npu.speak(SpeechRequest.ofText("Hi.").withVoice("nobody")).toList() })
        println("speed " + refusal { npu.speak(SpeechRequest.ofText("Hi.").withSpeed(0.0)).toList() })
        val broken = KokoroNpu.open(folder) { _, _ -> throw IllegalStateException("my own") }
        println("callback " + refusal { broken.speak("Hi.").toList() })
        println("surrogate " + write(File(out, "odd.f32"), npu.speak("bad \uD83D\uDE00 \u0000dog")).size)
        npu.speak(text).use { speech -> println("stopped ${speech.iterator().next().samples.size}") }
        val left = npu.speak(text).iterator()
        left.next()
        broken.close()
        npu.close()
        println("closed " + refusal { left.hasNext() } + " " + refusal { npu.speak(text).toList() })
    }
    println("folder " + refusal { KokoroNpu.open("$folder/nowhere") })
}
