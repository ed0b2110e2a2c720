package io.github.kokoronpu

import android.content.Context
import android.os.Build
import android.system.Os
import java.io.File
import java.io.IOException

/** The engine with the paths that it needs inside an app. */
object AndroidEngine {
    private const val ENGLISH = "kokoro-npu-english" // as the artifact of that name has it
    private const val PROBE = "libkokoro_npu_probe.so"
    private const val QNN_PLUGIN = "libonnxruntime_providers_qnn.so"
    private const val DSP_FOLDERS = "/system/lib/rfsa/adsp;/system/vendor/lib/rfsa/adsp;/dsp"

    /** The target that this phone should open; null where the app holds no package. */
    fun target(context: Context): String? =
        AssetPackage.choose(AssetPackage(context.assets).targets(), Build.HARDWARE == "qcom")

    /**
     * Copies the target's package out of the assets where that is still to do, and opens it. Both take seconds: call it
     * away from the main thread.
     *
     * @throws IOException the app has no such package, or its files cannot be written.
     * @throws KokoroNpuException the package is refused, with four facts.
     */
    fun open(context: Context, target: String, phonemizer: Phonemizer?): KokoroNpu {
        val libraries = context.applicationInfo.nativeLibraryDir
        // Qualcomm's DSP finds its own libraries by this path; it counts from the first session on.
        if (target.startsWith("qnn")) Os.setenv("ADSP_LIBRARY_PATH", "$libraries;$DSP_FOLDERS", true)
        val folder = AssetPackage(context.assets).unpack(target, context.filesDir)
        return KokoroNpu.open(folder.path, phonemizer, options(target, libraries, context.cacheDir))
    }

    /**
     * The phonemizer of English, whose data the artifact `kokoro-npu-english` brings. The data is read by path, so it is
     * copied out of the assets first, 11 MB each time: call it away from the main thread, once. Close the phonemizer
     * after the engine.
     *
     * @param lexicon words of the app's own, in the form that [BuiltinPhonemizer] takes.
     * @throws IOException the app holds no such data, or its files cannot be written.
     * @throws KokoroNpuException the data or the lexicon is refused, with four facts.
     */
    fun english(context: Context, lexicon: String? = null): BuiltinPhonemizer {
        val folder = File(context.filesDir, ENGLISH)
        folder.deleteRecursively() // an earlier version of the app may have had other files
        AssetPackage(context.assets).copy(ENGLISH, folder)
        return BuiltinPhonemizer.english(folder.path, lexicon)
    }

    /** The engine's options. The probe's program and QNN's plugin are named where the app brings them. */
    fun options(target: String, libraries: String, cache: File): EngineOptions {
        val options = EngineOptions()
        options.cacheFolder = cache.path
        options.skipHashes = true // nobody but this app writes its files, and unpacking compared the manifests
        val probe = File(libraries, PROBE)
        if (probe.canExecute()) options.probeProgram = probe.path
        val plugin = File(libraries, QNN_PLUGIN)
        if (target.startsWith("qnn") && plugin.isFile) options.plugin = plugin.path
        return options
    }
}
