package io.github.kokoronpu

import android.content.res.AssetManager
import java.io.File
import java.io.IOException
import java.io.InputStream

/**
 * The packages among an app's assets, one folder per target, and their copies among the app's files: ONNX Runtime loads
 * models by path, and an asset has none.
 *
 * @param list the names in a folder of the assets; none where the path is a file's.
 * @param open one file of the assets.
 */
class AssetPackage(private val list: (String) -> Array<String>, private val open: (String) -> InputStream) {
    constructor(assets: AssetManager) : this({ assets.list(it) ?: emptyArray() }, { assets.open(it) })

    /** The targets whose packages the app holds. */
    fun targets(): List<String> = list(ROOT).sorted()

    /** The names of a target's voices, without opening its package. */
    fun voices(target: String): List<String> =
        list("$ROOT/$target/voices").map { it.substringBeforeLast('.') }.sorted()

    /**
     * The folder of a target's package below [files]. It is copied unless the folder has the very manifest, which holds
     * the hash of every file. A copy that was cut short leaves no folder that counts.
     *
     * @throws IOException the app has no such package, or its files cannot be written.
     */
    @Synchronized
    fun unpack(target: String, files: File): File {
        val final = File(files, "$ROOT/$target")
        val wanted = open("$ROOT/$target/$MANIFEST").use { it.readBytes() }
        val there = File(final, MANIFEST)
        if (there.isFile && there.readBytes().contentEquals(wanted)) return final
        val work = File(files, "$ROOT/$target.unfinished")
        work.deleteRecursively()
        copy("$ROOT/$target", work)
        final.deleteRecursively()
        if (!work.renameTo(final)) throw IOException("$work cannot be renamed to $final")
        return final
    }

    /** Copies a file or a folder of the assets. */
    internal fun copy(path: String, to: File) {
        val names = list(path)
        if (names.isEmpty()) {
            open(path).use { source -> to.outputStream().use { source.copyTo(it, 1 shl 20) } }
            return
        }
        if (!to.isDirectory && !to.mkdirs()) throw IOException("$to cannot be made")
        for (name in names) copy("$path/$name", File(to, name))
    }

    companion object {
        /** As the packages' AARs have it. */
        const val ROOT = "kokoro-npu"
        private const val MANIFEST = "manifest.json"

        /**
         * The target to open, of those that the app holds: Qualcomm's NPU is on Qualcomm's chips only, and the package
         * for the CPU is faster on a CPU than the fixed shapes of `nnapi` are.
         */
        fun choose(targets: List<String>, onQualcomm: Boolean): String? {
            val order = if (onQualcomm) listOf("qnn", "cpu", "nnapi") else listOf("cpu", "nnapi", "qnn")
            return order.firstOrNull { it in targets }
        }
    }
}
