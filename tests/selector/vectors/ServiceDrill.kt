// What Android asks of the sample's service, asked on a JVM: ServiceDrill ASSETS FILES OUT TEXT LONG NUMBERS.
// One line per question.
import android.content.Context
import android.media.AudioTrack
import android.os.Bundle
import android.speech.tts.SynthesisCallback
import android.speech.tts.SynthesisRequest
import android.speech.tts.TextToSpeech
import io.github.kokoronpu.AndroidEngine
import io.github.kokoronpu.AssetPackage
import io.github.kokoronpu.BuiltinPhonemizer
import io.github.kokoronpu.KokoroNpuException
import io.github.kokoronpu.sample.AppPhonemizer
import io.github.kokoronpu.sample.CheckVoiceData
import io.github.kokoronpu.sample.KokoroTtsService
import io.github.kokoronpu.sample.MainActivity
import io.github.kokoronpu.sample.PcmPieces
import io.github.kokoronpu.sample.SampleSentence
import io.github.kokoronpu.sample.SharedEngine
import io.github.kokoronpu.sample.SpeechTask
import io.github.kokoronpu.sample.SpokenLanguage
import io.github.kokoronpu.sample.SpokenLanguages
import io.github.kokoronpu.sample.TrackSink
import java.io.ByteArrayOutputStream
import java.io.File
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import kotlin.concurrent.thread

/** Android's side of a request: it notes every call, and [onPiece] decides what a piece is answered with. */
class Listener(private val onPiece: (Int) -> Int = { TextToSpeech.SUCCESS }) : SynthesisCallback {
    val sound = ByteArrayOutputStream()
    private val sizes = ArrayList<Int>()
    private val calls = ArrayList<String>()

    override fun getMaxBufferSize(): Int = 1001

    override fun start(sampleRateInHz: Int, audioFormat: Int, channelCount: Int): Int {
        calls.add("start($sampleRateInHz,$audioFormat,$channelCount)")
        return TextToSpeech.SUCCESS
    }

    override fun audioAvailable(buffer: ByteArray, offset: Int, length: Int): Int {
        sound.write(buffer, offset, length)
        sizes.add(length)
        return onPiece(sizes.size)
    }

    override fun done(): Int {
        calls.add("done")
        return TextToSpeech.SUCCESS
    }

    override fun error() = error(TextToSpeech.ERROR)

    override fun error(errorCode: Int) {
        calls.add("error($errorCode)")
    }

    override fun hasStarted(): Boolean = calls.isNotEmpty()

    override fun hasFinished(): Boolean = "done" in calls

    /** The calls, the number of pieces, the largest and whether one had half a sample. */
    fun told(): String = "${calls.joinToString(" ")}|${sizes.size}|${sizes.max() ?: 0}|${sizes.any { it % 2 != 0 }}"
}

fun ask(text: String, change: SynthesisRequest.() -> Unit = {}): SynthesisRequest =
    SynthesisRequest(text, Bundle()).apply(change)

fun answer(name: String, value: Any?) = println("$name $value")

fun app(assets: File, files: File) = Context().apply { attach(assets, files, files) }

fun service(app: Context) = KokoroTtsService().apply {
    attach(app)
    onCreate()
}

fun heard(service: KokoroTtsService, request: SynthesisRequest, listener: Listener = Listener()): Listener {
    service.calls.synthesize(request, listener)
    return listener
}

fun languages(service: KokoroTtsService) {
    val asked = listOf("eng USA", "eng GBR", "eng AUS", "en us", "ENG ", "fra FRA", " ", "xx ").map { it.split(" ") }
    answer("languages", asked.joinToString { "${service.calls.isLanguageAvailable(it[0], it[1], "")}" })
    answer("null", service.calls.isLanguageAvailable("eng", null, null))
    answer("default", asked.joinToString { "${service.onGetDefaultVoiceNameFor(it[0], it[1], "")}" })
    val voices = service.onGetVoices()
    answer("voices", voices.joinToString { "${it.name}:${it.locale}" })
    val names = listOf("nobody", voices[0].name)
    answer("valid", names.joinToString { "${service.onIsValidVoiceName(it)},${service.onLoadVoice(it)}" })
    val before = service.calls.language().joinToString("-")
    val loaded = listOf("fra" to "FRA", "eng" to "GBR").map { service.calls.loadLanguage(it.first, it.second, "") }
    answer("load", "$before ${loaded.joinToString(" ")} ${service.calls.language().joinToString("-")}")
}

fun speech(service: KokoroTtsService, out: File, text: String, long: String, numbers: String) {
    val plain = heard(service, ask(text))
    File(out, "plain.pcm").writeBytes(plain.sound.toByteArray())
    answer("plain", plain.told())
    val named = service.onGetVoices().last().name
    val fast = heard(service, ask(text) { voice = named; rate = 200; pitch = 40 })
    File(out, "fast.pcm").writeBytes(fast.sound.toByteArray())
    answer("fast", "$named|${fast.told()}")
    answer("strange", heard(service, ask(text) { language = "fra"; country = "FRA" }).told())
    val counted = heard(service, ask(numbers))
    File(out, "numbers.pcm").writeBytes(counted.sound.toByteArray())
    answer("numbers", counted.told())
    answer("unknown", heard(service, ask("Hello zyzzyva.")).told())
    answer("mark", heard(service, ask(" — … ")).told())
    val whole = heard(service, ask(long))
    answer("whole", whole.told())
    val stopping = Listener { piece ->
        if (piece == 3) thread { service.calls.stop() }.join()
        TextToSpeech.SUCCESS
    }
    answer("stopped", heard(service, ask(long), stopping).told())
    val deaf = Listener { if (it < 5) TextToSpeech.SUCCESS else TextToSpeech.ERROR }
    answer("refused", heard(service, ask(long), deaf).told())
    answer("after", heard(service, ask(text)).sound.size() == plain.sound.size())
    SharedEngine.closeIfIdle()
    answer("reopened", heard(service, ask(text)).sound.toByteArray().contentEquals(plain.sound.toByteArray()))
    service.calls.stop()
}

fun activities(app: Context, text: String, long: String) {
    val check = CheckVoiceData().apply { begin(app) }
    val lists = listOf("availableVoices", "unavailableVoices").map { check.resultData.getStringArrayListExtra(it) }
    answer("check", "${check.resultCode} $lists ${check.finished}")
    for (language in listOf("eng", "fra")) {
        val sample = SampleSentence()
        sample.intent.putExtra("language", language).putExtra("country", "")
        sample.begin(app)
        val said = sample.resultData.getStringExtra("sampleText")
        answer("sample-$language", "${sample.resultCode} $said ${sample.finished}")
    }
    MainActivity().begin(app)
    SharedEngine.use(app) { npu ->
        val voice = SharedEngine.languages(app).voices.first()
        SpeechTask(npu, text, voice, 100, TrackSink { answer("track", "'$it' ${AudioTrack.NOTES}") }).run()
        AudioTrack.NOTES.setLength(0)
        val told = CountDownLatch(1)
        val task = SpeechTask(npu, long, voice, 100, TrackSink { told.countDown() })
        val speaking = thread { task.run() }
        while ("write" !in AudioTrack.NOTES.toString()) Thread.sleep(1)
        task.stop()
        answer("track-stopped", "${told.await(60, TimeUnit.SECONDS)} ${AudioTrack.NOTES.contains("stop")}")
        speaking.join()
        answer("report", npu.report())
    }
}

/** Of an app that has English data for one accent alone, and of one that has none; [assets] is left without. */
fun phonemizers(assets: File, files: File, text: String) {
    val app = app(assets, files)
    val data = File(assets, "kokoro-npu-english")
    val english = AppPhonemizer.make(app) as BuiltinPhonemizer
    answer("words", english.phonemize("zyzzyva", "en-us"))
    val refusal = runCatching { english.phonemize("Bonjour.", "fr-fr") }.exceptionOrNull() as KokoroNpuException
    answer("foreign", "${refusal.kind} ${refusal.message}")
    english.close()
    val lexicon = AndroidEngine.english(app, "zyzzyva hello")
    answer("lexicon", lexicon.phonemize("zyzzyva", "en-us") == lexicon.phonemize("hello", "en-us"))
    lexicon.close()
    File(data, "en-us.bin").delete()
    SharedEngine.closeIfIdle()
    answer("accent", heard(service(app), ask(text)).told())
    SharedEngine.use(app) { npu ->
        val voice = SharedEngine.languages(app).voices.first()
        SpeechTask(npu, text, voice, 100, TrackSink { answer("track-error", it) }).run()
    }
    File(data, "en-gb.bin").delete()
    SharedEngine.closeIfIdle()
    answer("no-accent", heard(service(app), ask(text)).told())
    data.deleteRecursively()
    answer("no-data", heard(service(app), ask(text)).told())
}

fun packages(assets: File, files: File, out: File) {
    val there = AssetPackage(android.content.res.AssetManager(assets))
    val folder = there.unpack("cpu", files)
    val model = File(folder, "models").listFiles().first()
    model.appendText("x")
    val damaged = model.length()
    answer("again", there.unpack("cpu", files) == folder && model.length() == damaged)
    File(folder, "manifest.json").appendText(" ")
    there.unpack("cpu", files)
    answer("anew", model.length() < damaged)
    answer("left", File(files, AssetPackage.ROOT).list().sorted())
    val choices = listOf(listOf("cpu", "nnapi", "qnn"), listOf("nnapi", "qnn"), listOf("other"))
    answer("choose", choices.joinToString { "${AssetPackage.choose(it, true)}/${AssetPackage.choose(it, false)}" })
    File(out, "libkokoro_npu_probe.so").apply { writeText("") }.setExecutable(true)
    File(out, "libonnxruntime_providers_qnn.so").writeText("")
    for (target in listOf("cpu", "qnn-sm8550")) {
        val options = AndroidEngine.options(target, out.path, files)
        val paths = listOf(options.plugin, options.probeProgram, options.cacheFolder)
        answer("options-$target", paths.map { it?.substringAfterLast('/') })
    }
    val nowhere = app(File(out, "nowhere"), files)
    SharedEngine.closeIfIdle()
    val alone = service(nowhere)
    val nothing = "${alone.calls.language().joinToString("-")} ${alone.onGetVoices()}"
    answer("empty", "$nothing ${heard(alone, ask("Hello.")).told()}")
    answer("empty-check", CheckVoiceData().apply { begin(nowhere) }.resultCode)
    File(folder, "manifest.json").writeText("{}")
    val broken = File(out, "broken").apply { mkdirs() }
    assets.copyRecursively(broken, true)
    File(broken, "kokoro-npu/cpu/manifest.json").writeText("{}")
    answer("broken", heard(service(app(broken, files)), ask("Hello.")).told())
    val qnn = File(out, "qnn").apply { mkdirs() }
    runCatching { AndroidEngine.open(app(qnn, files), "qnn", null) }
    answer("dsp", System.getProperty("stub.env.ADSP_LIBRARY_PATH").removePrefix(files.path))
}

fun values() {
    val bytes = PcmPieces.bytesOf(floatArrayOf(0f, 1f, -1f, 2f, -2f, Float.NaN, 0.5f, -1e-9f))
    answer("pcm", bytes.joinToString(",") { "${it.toInt() and 255}" })
    val pieces = ArrayList<String>()
    PcmPieces.give(ByteArray(10), 7) { offset, length -> pieces.add("$offset+$length") }
    PcmPieces.give(ByteArray(4), 1) { offset, length -> pieces.add("$offset+$length") }
    answer("pieces", pieces)
    answer("speeds", listOf(10, 50, 100, 150, 200, 600).map { SpeechTask.speedOf(it) })
    answer("letters", SpokenLanguage.values().joinToString { "${it.letter}:${it.tag}:${it.listed}" })
    answer("voiceless", listOf("af_x", "nobody", "qf_x", "ab_x", "").map { SpokenLanguage.of(it)?.name })
    val some = SpokenLanguages(listOf("ef_dora", "bf_emma", "am_adam", "jf_alpha", "odd"), setOf("es", "en-gb", "en-us"))
    answer("offered", "${some.voices} ${some.languages.map { it.listed }} ${some.voiceOf("jf_alpha", "spa", null)}")
}

fun main(arguments: Array<String>) {
    val (assets, files, out) = arguments.map { File(it) }
    val app = app(assets, files)
    values()
    val service = service(app)
    languages(service)
    speech(service, out, arguments[3], arguments[4], arguments[5])
    activities(app, arguments[3], arguments[4])
    service.onDestroy()
    phonemizers(assets, files, arguments[3])
    packages(assets, files, out)
}
