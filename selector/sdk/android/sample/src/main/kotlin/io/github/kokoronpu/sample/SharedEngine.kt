package io.github.kokoronpu.sample

import android.content.Context
import io.github.kokoronpu.AndroidEngine
import io.github.kokoronpu.AssetPackage
import io.github.kokoronpu.KokoroNpu
import io.github.kokoronpu.Phonemizer
import java.io.Closeable
import java.io.IOException

/** The one engine of this process, because its sessions take much memory and seconds to open. */
object SharedEngine {
    private var engine: KokoroNpu? = null
    private var phonemizer: Phonemizer? = null
    private var users = 0

    /** What the app's package can speak; reads names of assets only, so that it may be called on the main thread. */
    fun languages(context: Context): SpokenLanguages {
        val target = AndroidEngine.target(context) ?: return SpokenLanguages(emptyList(), emptySet())
        return SpokenLanguages(AssetPackage(context.assets).voices(target), AppPhonemizer.LANGUAGES)
    }

    /**
     * Does [work] with the engine, which the first call opens: that takes seconds.
     *
     * @throws IOException the app holds no package, or its files cannot be written.
     */
    fun use(context: Context, work: (KokoroNpu) -> Unit) {
        val npu = take(context)
        try {
            work(npu)
        } finally {
            synchronized(this) { users-- }
        }
    }

    @Synchronized
    private fun take(context: Context): KokoroNpu {
        val npu = engine ?: opened(context)
        engine = npu
        users++
        return npu
    }

    private fun opened(context: Context): KokoroNpu {
        val target = AndroidEngine.target(context) ?: throw IOException("the app holds no package of a target")
        val says = phonemizer ?: AppPhonemizer.make(context)
        phonemizer = says
        return AndroidEngine.open(context, target, says)
    }

    /** Frees the engine and its phonemizer unless somebody speaks; the next [use] opens it again. */
    @Synchronized
    fun closeIfIdle() {
        if (users > 0) return
        engine?.close()
        (phonemizer as? Closeable)?.close()
        engine = null
        phonemizer = null
    }
}
