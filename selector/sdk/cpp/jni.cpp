// The engine for the JVM: what io.github.kokoronpu.KokoroNpu declares as native, over the C ABI.
#include <jni.h>

#include <cstdint>
#include <string>

#include "kokoro_npu.h"

namespace {

std::string text_of(JNIEnv* env, jbyteArray bytes) {
    if (!bytes) return {};
    std::string out(static_cast<std::size_t>(env->GetArrayLength(bytes)), '\0');
    env->GetByteArrayRegion(bytes, 0, static_cast<jsize>(out.size()), reinterpret_cast<jbyte*>(&out[0]));
    return out;
}

jbyteArray bytes_of(JNIEnv* env, const std::string& text) {
    const jbyteArray out = env->NewByteArray(static_cast<jsize>(text.size()));
    if (out)
        env->SetByteArrayRegion(out, 0, static_cast<jsize>(text.size()), reinterpret_cast<const jbyte*>(text.data()));
    return out;
}

// Throws a KokoroNpuException with the four facts; an exception of a callback goes first.
void raise(JNIEnv* env, kokoro_npu_status status, kokoro_npu_error* error) {
    if (status != KOKORO_NPU_OK && !env->ExceptionCheck()) {
        const jclass kind = env->FindClass("io/github/kokoronpu/KokoroNpuException");
        const jmethodID make = kind ? env->GetMethodID(kind, "<init>", "(I[B[B[B[B)V") : nullptr;
        jbyteArray facts[4] = {};
        for (int i = 0; make && i < 4; ++i)
            facts[i] = bytes_of(env, kokoro_npu_error_fact(error, static_cast<kokoro_npu_fact>(i)));
        if (make && !env->ExceptionCheck())
            env->Throw(static_cast<jthrowable>(
                env->NewObject(kind, make, static_cast<jint>(status), facts[0], facts[1], facts[2], facts[3])));
    }
    kokoro_npu_error_free(error);
}

// What a speech's callbacks need. They run on the thread of `env`.
struct Listener {
    JNIEnv* env;
    jobject speech;
    jmethodID phonemize, next_piece, take, is_closed;
    std::string phonemes;  // of the last call
};

const char* phonemize(void* user, const char* text, const char* language) {
    auto& to = *static_cast<Listener*>(user);
    to.phonemes.clear();
    if (to.env->ExceptionCheck() || to.env->PushLocalFrame(8) != 0) return "";
    const auto made = static_cast<jbyteArray>(
        to.env->CallObjectMethod(to.speech, to.phonemize, bytes_of(to.env, text), bytes_of(to.env, language)));
    if (!to.env->ExceptionCheck()) to.phonemes = text_of(to.env, made);
    to.env->PopLocalFrame(nullptr);
    return to.phonemes.c_str();
}

int32_t on_chunk(void* user, const kokoro_npu_chunk* chunk) {
    auto& to = *static_cast<Listener*>(user);
    JNIEnv* env = to.env;
    if (env->ExceptionCheck() || env->PushLocalFrame(8) != 0) return 1;
    const auto count = static_cast<jsize>(chunk->count), symbols = static_cast<jsize>(chunk->symbol_count);
    const jfloatArray samples = env->NewFloatArray(count);
    const jlongArray times = samples ? env->NewLongArray(2 * symbols) : nullptr;
    bool taken = false;
    if (times) {
        env->SetFloatArrayRegion(samples, 0, count, chunk->samples);
        std::string names;
        for (jsize i = 0; i < symbols; ++i) {
            const kokoro_npu_symbol& one = chunk->symbols[i];
            const jlong pair[2] = {one.start, one.end};
            env->SetLongArrayRegion(times, 2 * i, 2, pair);
            names += (i > 0 ? "\n" : "") + std::string(one.symbol);
        }
        taken = env->CallBooleanMethod(to.speech, to.take, samples, bytes_of(env, chunk->text),
                                       static_cast<jlong>(chunk->start), bytes_of(env, names), times) == JNI_TRUE;
    }
    const bool failed = env->ExceptionCheck() == JNI_TRUE;
    env->PopLocalFrame(nullptr);
    return taken && !failed ? 0 : 1;
}

int32_t is_cancelled(void* user) {
    auto& to = *static_cast<Listener*>(user);
    return to.env->ExceptionCheck() || to.env->CallBooleanMethod(to.speech, to.is_closed) == JNI_TRUE ? 1 : 0;
}

// Pushes pieces until the app has no more.
kokoro_npu_status speak_pieces(const kokoro_npu_engine* engine, const kokoro_npu_request& request, Listener& to,
                               kokoro_npu_error** error) {
    kokoro_npu_speech* speech = nullptr;
    kokoro_npu_status status = kokoro_npu_begin(engine, &request, &speech, error);
    while (status == KOKORO_NPU_OK) {
        const auto piece = static_cast<jbyteArray>(to.env->CallObjectMethod(to.speech, to.next_piece));
        if (to.env->ExceptionCheck()) break;
        if (!piece) {
            status = kokoro_npu_finish(speech, error);
            break;
        }
        status = kokoro_npu_push(speech, text_of(to.env, piece).c_str(), error);
        to.env->DeleteLocalRef(piece);
    }
    kokoro_npu_end(speech);
    return status;
}

const kokoro_npu_engine* engine_of(jlong handle) {
    return reinterpret_cast<const kokoro_npu_engine*>(static_cast<std::intptr_t>(handle));
}

}  // namespace

extern "C" {

JNIEXPORT jlong JNICALL Java_io_github_kokoronpu_KokoroNpu_openNative(JNIEnv* env, jclass, jbyteArray folder,
                                                                      jlong memory_limit, jint threads, jint provider,
                                                                      jboolean skip_hashes, jbyteArray plugin,
                                                                      jbyteArray probe_program, jbyteArray cache_folder,
                                                                      jboolean stock_operators, jbyteArray ops_library) {
    const std::string paths[] = {text_of(env, plugin), text_of(env, probe_program), text_of(env, cache_folder),
                                 text_of(env, ops_library)};
    kokoro_npu_options options{};
    options.size = sizeof options;
    options.memory_limit = static_cast<std::uint64_t>(memory_limit);
    options.threads = threads;
    options.provider = provider;
    options.skip_hashes = skip_hashes;
    options.plugin = paths[0].c_str();
    options.probe_program = paths[1].c_str();
    options.cache_folder = paths[2].c_str();
    options.stock_operators = stock_operators;
    options.ops_library = paths[3].c_str();
    kokoro_npu_engine* engine = nullptr;
    kokoro_npu_error* error = nullptr;
    const kokoro_npu_status status = kokoro_npu_open(text_of(env, folder).c_str(), &options, &engine, &error);
    raise(env, status, error);
    return static_cast<jlong>(reinterpret_cast<std::intptr_t>(engine));
}

JNIEXPORT void JNICALL Java_io_github_kokoronpu_KokoroNpu_speakNative(JNIEnv* env, jclass, jlong handle, jbyteArray text,
                                                                      jbyteArray phonemes, jbyteArray voice,
                                                                      jbyteArray language, jdouble speed, jlong seed,
                                                                      jboolean phonemizes, jobject speech) {
    const jclass kind = env->GetObjectClass(speech);
    Listener listener{env,
                      speech,
                      env->GetMethodID(kind, "phonemize", "([B[B)[B"),
                      env->GetMethodID(kind, "nextPiece", "()[B"),
                      env->GetMethodID(kind, "take", "([F[BJ[B[J)Z"),
                      env->GetMethodID(kind, "isClosed", "()Z"),
                      {}};
    if (env->ExceptionCheck()) return;
    const std::string words = text_of(env, text), spelled = text_of(env, phonemes), name = text_of(env, voice),
                      tongue = text_of(env, language);
    kokoro_npu_request request{};
    request.size = sizeof request;
    request.text = words.c_str();
    request.phonemes = spelled.c_str();
    request.voice = name.c_str();
    request.language = tongue.c_str();
    request.speed = speed == 0 ? -1 : speed;  // 0 is no default here
    request.seed = static_cast<std::uint64_t>(seed);
    request.phonemize = phonemizes ? phonemize : nullptr;
    request.on_chunk = on_chunk;
    request.is_cancelled = is_cancelled;
    request.user = &listener;
    kokoro_npu_error* error = nullptr;
    const bool whole = text || phonemes;
    const kokoro_npu_status status = whole ? kokoro_npu_speak(engine_of(handle), &request, &error)
                                           : speak_pieces(engine_of(handle), request, listener, &error);
    raise(env, status, error);
}

JNIEXPORT jbyteArray JNICALL Java_io_github_kokoronpu_KokoroNpu_tellNative(JNIEnv* env, jclass, jlong handle, jint what) {
    const auto tell = what == 0 ? kokoro_npu_voices : kokoro_npu_report;
    std::string out(static_cast<std::size_t>(tell(engine_of(handle), nullptr, 0)), '\0');
    tell(engine_of(handle), &out[0], out.size());
    out.pop_back();
    return bytes_of(env, out);
}

JNIEXPORT jbyteArray JNICALL Java_io_github_kokoronpu_SpokenText_ofNative(JNIEnv* env, jclass, jbyteArray text,
                                                                        jbyteArray language, jbyteArray lexicon) {
    char* words = nullptr;
    kokoro_npu_error* error = nullptr;
    const kokoro_npu_status status = kokoro_npu_spoken(text_of(env, text).c_str(), text_of(env, language).c_str(),
                                                       text_of(env, lexicon).c_str(), &words, &error);
    raise(env, status, error);
    const jbyteArray out = status == KOKORO_NPU_OK ? bytes_of(env, words) : nullptr;
    kokoro_npu_words_free(words);
    return out;
}

JNIEXPORT jint JNICALL Java_io_github_kokoronpu_KokoroNpu_sampleRateNative(JNIEnv*, jclass, jlong handle) {
    return kokoro_npu_sample_rate(engine_of(handle));
}

JNIEXPORT void JNICALL Java_io_github_kokoronpu_KokoroNpu_closeNative(JNIEnv*, jclass, jlong handle) {
    kokoro_npu_close(reinterpret_cast<kokoro_npu_engine*>(static_cast<std::intptr_t>(handle)));
}

JNIEXPORT jlong JNICALL Java_io_github_kokoronpu_BuiltinPhonemizer_openNative(JNIEnv* env, jclass, jbyteArray name,
                                                                              jbyteArray data, jbyteArray library,
                                                                              jbyteArray lexicon) {
    const std::string given[] = {text_of(env, name), text_of(env, data), text_of(env, library), text_of(env, lexicon)};
    kokoro_npu_phonemizer_options options{sizeof options, given[0].c_str(), given[1].c_str(), given[2].c_str(),
                                          given[3].c_str()};
    kokoro_npu_phonemizer* phonemizer = nullptr;
    kokoro_npu_error* error = nullptr;
    raise(env, kokoro_npu_open_phonemizer(&options, &phonemizer, &error), error);
    return static_cast<jlong>(reinterpret_cast<std::intptr_t>(phonemizer));
}

JNIEXPORT jbyteArray JNICALL Java_io_github_kokoronpu_BuiltinPhonemizer_sayNative(JNIEnv* env, jclass, jlong handle,
                                                                                  jbyteArray text, jbyteArray language) {
    const auto* phonemizer = reinterpret_cast<const kokoro_npu_phonemizer*>(static_cast<std::intptr_t>(handle));
    const std::string words = text_of(env, text), name = text_of(env, language);
    std::string phonemes(4 * words.size() + 64, '\0');  // most texts have fewer; a longer one is asked for again
    for (bool whole = false; !whole;) {
        std::uint64_t size = 0;
        kokoro_npu_error* error = nullptr;
        const kokoro_npu_status status = kokoro_npu_phonemes(phonemizer, words.c_str(), name.c_str(), &phonemes[0],
                                                             phonemes.size(), &size, &error);
        raise(env, status, error);
        if (status != KOKORO_NPU_OK) return nullptr;
        whole = size <= phonemes.size();
        phonemes.resize(static_cast<std::size_t>(size));
    }
    phonemes.pop_back();
    return bytes_of(env, phonemes);
}

JNIEXPORT void JNICALL Java_io_github_kokoronpu_BuiltinPhonemizer_closeNative(JNIEnv*, jclass, jlong handle) {
    kokoro_npu_close_phonemizer(reinterpret_cast<kokoro_npu_phonemizer*>(static_cast<std::intptr_t>(handle)));
}

}  // extern "C"
