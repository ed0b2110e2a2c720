/* The engine for every language: opens a package and speaks. A stable C ABI over engine.hpp.
 *
 *     kokoro_npu_engine* engine;
 *     kokoro_npu_request request = {sizeof request};
 *     request.phonemes = "...";
 *     request.on_chunk = play;
 *     if (kokoro_npu_open(folder, NULL, &engine, NULL) == KOKORO_NPU_OK) kokoro_npu_speak(engine, &request, NULL);
 *     kokoro_npu_close(engine);
 *
 * Text is UTF-8 and ends with a zero byte. Every struct begins with its size: later versions add members at the end, and
 * a caller that was compiled with an older header goes on working. Functions may be called from any thread; a callback
 * runs on the thread that speaks, and its pointers are valid while it runs.
 */
#ifndef KOKORO_NPU_H
#define KOKORO_NPU_H

#include <stdint.h>

#if defined(_WIN32)
#define KOKORO_NPU_API
#else
#define KOKORO_NPU_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define KOKORO_NPU_ABI_VERSION 2

typedef enum kokoro_npu_status {
    KOKORO_NPU_OK = 0,
    KOKORO_NPU_TEXT = 1,      /* text or phonemes that cannot be spoken */
    KOKORO_NPU_CONTRACT = 2,  /* a speed, a tensor or a model that does not keep the package's contract */
    KOKORO_NPU_PACKAGE = 3,   /* a package that is incomplete, changed, or not one */
    KOKORO_NPU_DEVICE = 4,    /* a provider or a device that did not do its part */
    KOKORO_NPU_CANCELLED = 5, /* the caller asked to stop */
    KOKORO_NPU_INTERNAL = 6   /* anything else, such as no memory */
} kokoro_npu_status;

typedef enum kokoro_npu_fact {
    KOKORO_NPU_WHERE = 0,
    KOKORO_NPU_EXPECTED = 1,
    KOKORO_NPU_GOT = 2,
    KOKORO_NPU_TODO = 3
} kokoro_npu_fact;

typedef enum kokoro_npu_provider {
    KOKORO_NPU_AUTOMATIC = 0, /* the NPU where it is proven to be right and faster on this device; else the CPU */
    KOKORO_NPU_CPU = 1,
    KOKORO_NPU_NPU = 2 /* the NPU without a proof; where it fails, the CPU */
} kokoro_npu_provider;

/* Whether a second thread runs the vocoder while the speaking one runs the other stages for the next chunk. The samples
 * are the same; callbacks stay on the speaking thread. */
typedef enum kokoro_npu_beside {
    KOKORO_NPU_BESIDE_NPU = 0, /* where the NPU runs the vocoder */
    KOKORO_NPU_BESIDE_NEVER = 1,
    KOKORO_NPU_BESIDE_ALWAYS = 2
} kokoro_npu_beside;

/* A package of contexts speaks on the NPU of its chip or not at all: opening it, or speaking, then ends with
 * KOKORO_NPU_DEVICE, and the app opens the package for cpu. Without a receipt it needs KOKORO_NPU_NPU. */
typedef struct kokoro_npu_engine kokoro_npu_engine;
typedef struct kokoro_npu_speech kokoro_npu_speech;
typedef struct kokoro_npu_error kokoro_npu_error;
typedef struct kokoro_npu_phonemizer kokoro_npu_phonemizer;

typedef struct kokoro_npu_options {
    uint64_t size;             /* sizeof(kokoro_npu_options) */
    uint64_t memory_limit;     /* bytes that open sessions may take; 0 keeps every session that was opened */
    int32_t threads;           /* inside one operator; 0 is one per core */
    int32_t provider;          /* kokoro_npu_provider */
    int32_t skip_hashes;       /* 1: check sizes alone */
    int32_t probe_seconds;     /* after which a probe that does not answer is ended; 0 is 120 */
    const char* plugin;        /* library of the NPU's provider, or NULL */
    const char* probe_program; /* path of kokoro_npu_probe, or NULL */
    const char* cache_folder;  /* for results of probes, or NULL */
    const char* soc;           /* this device as receipts name it (ro.soc.model), or NULL: as Android says */
    const char* model;         /* likewise (ro.product.model) */
    int64_t stock_operators;   /* 1: ONNX Runtime's own operators, also where fused ones could run */
    const char* ops_library;   /* library of fused operators, or NULL: the package's; see engine.hpp */
    int32_t side_by_side;      /* kokoro_npu_beside; since version 2 */
} kokoro_npu_options;

/* When one symbol sounds, in samples since the beginning of the speech. A pad's symbol is empty. */
typedef struct kokoro_npu_symbol {
    const char* symbol;
    int64_t start;
    int64_t end;
} kokoro_npu_symbol;

/* One chunk of sound, ready to play: the gap before it included. */
typedef struct kokoro_npu_chunk {
    uint64_t size;
    const float* samples; /* mono, kokoro_npu_sample_rate */
    uint64_t count;
    const char* text; /* of the chunk; empty for the silence at the end */
    const char* text_bucket;
    const char* sound_bucket;
    int64_t tokens; /* pads included */
    int64_t frames; /* of sound, before the joining */
    int64_t start;  /* of the first sample, in samples since the beginning of the speech */
    const kokoro_npu_symbol* symbols;
    uint64_t symbol_count;
} kokoro_npu_chunk;

/* A text of one language as phonemes; "" or NULL: nothing to say. The result is read before the next call. */
typedef const char* (*kokoro_npu_phonemize)(void* user, const char* text, const char* language);
/* Takes a chunk; anything but 0 ends the speech with KOKORO_NPU_CANCELLED. */
typedef int32_t (*kokoro_npu_on_chunk)(void* user, const kokoro_npu_chunk* chunk);
/* Asked between stages; anything but 0 ends the speech with KOKORO_NPU_CANCELLED. */
typedef int32_t (*kokoro_npu_is_cancelled)(void* user);

typedef struct kokoro_npu_request {
    uint64_t size;        /* sizeof(kokoro_npu_request) */
    const char* text;     /* any length; needs `phonemize` or `phonemizer` */
    const char* phonemes; /* instead of a text */
    const char* voice;    /* NULL: the first by alphabet; a mix is "a,b" or "a:0.7+b:0.3" */
    const char* language; /* of the text; NULL: that of the voice's name */
    double speed;         /* 0.5 to 2; 0 counts as 1 */
    uint64_t seed;        /* of the noise in breath and fricatives: same seed, same sound */
    kokoro_npu_phonemize phonemize;
    kokoro_npu_on_chunk on_chunk;
    kokoro_npu_is_cancelled is_cancelled;
    void* user;
    const kokoro_npu_phonemizer* phonemizer; /* version 2: where `phonemize` is NULL */
} kokoro_npu_request;

/* A phonemizer that this library brings. */
typedef struct kokoro_npu_phonemizer_options {
    uint64_t size;       /* sizeof(kokoro_npu_phonemizer_options) */
    const char* name;    /* "english": dictionaries and a model; "espeak": espeak-ng's library, whose license is the GPL */
    const char* data;    /* english: the folder of en-us.bin and en-gb.bin; espeak: espeak-ng-data, or NULL: its own */
    const char* library; /* espeak: the path of libespeak-ng.so.1; it is opened while the program runs */
    const char* lexicon; /* the content of a lexicon, a word and how to say it per line, or NULL */
} kokoro_npu_phonemizer_options;

/* The version of this ABI that the library has: its functions and members are those of the header of that version. */
KOKORO_NPU_API int32_t kokoro_npu_abi_version(void);

/* Opens a package and checks its files. `options`, `error` may be NULL. On failure `*engine` is NULL. */
KOKORO_NPU_API kokoro_npu_status kokoro_npu_open(const char* folder, const kokoro_npu_options* options,
                                                 kokoro_npu_engine** engine, kokoro_npu_error** error);
/* Speaks on the calling thread, and returns when the last chunk was given. */
KOKORO_NPU_API kokoro_npu_status kokoro_npu_speak(const kokoro_npu_engine* engine, const kokoro_npu_request* request,
                                                  kokoro_npu_error** error);
/* Frees the engine; NULL is nothing. A speech on another thread ends with KOKORO_NPU_CANCELLED. */
KOKORO_NPU_API void kokoro_npu_close(kokoro_npu_engine* engine);

/* A speech whose text is still to come: push pieces, then finish. Sentences are spoken when they are complete. */
KOKORO_NPU_API kokoro_npu_status kokoro_npu_begin(const kokoro_npu_engine* engine, const kokoro_npu_request* request,
                                                  kokoro_npu_speech** speech, kokoro_npu_error** error);
KOKORO_NPU_API kokoro_npu_status kokoro_npu_push(kokoro_npu_speech* speech, const char* piece, kokoro_npu_error** error);
KOKORO_NPU_API kokoro_npu_status kokoro_npu_finish(kokoro_npu_speech* speech, kokoro_npu_error** error);
KOKORO_NPU_API void kokoro_npu_end(kokoro_npu_speech* speech);

KOKORO_NPU_API int32_t kokoro_npu_sample_rate(const kokoro_npu_engine* engine);
/* How many sessions are open. */
KOKORO_NPU_API int64_t kokoro_npu_open_sessions(const kokoro_npu_engine* engine);
/* The voices' names, or the report on the chosen provider, into `text` (at most `size` bytes, zero included); returns the
 * bytes that are needed. Names are separated by line ends; the report is JSON. */
KOKORO_NPU_API uint64_t kokoro_npu_voices(const kokoro_npu_engine* engine, char* text, uint64_t size);
KOKORO_NPU_API uint64_t kokoro_npu_report(const kokoro_npu_engine* engine, char* text, uint64_t size);

/* The words that are spoken for a text as people type it: markup is silent, and numbers, money, dates, abbreviations and
 * signs are words, line by line; a pause stands as [pause:1500ms]. `language` is en-us, en-gb, es, fr-fr, it, pt-br or hi;
 * a text of another one keeps its written forms. `lexicon` is the text of a lexicon file, or NULL. Free the result with
 * kokoro_npu_words_free. */
KOKORO_NPU_API kokoro_npu_status kokoro_npu_spoken(const char* text, const char* language, const char* lexicon,
                                                   char** words, kokoro_npu_error** error);
KOKORO_NPU_API void kokoro_npu_words_free(char* words);

/* Since version 2. Opens a phonemizer, which any number of threads may use at once; close it after the speeches that do. */
KOKORO_NPU_API kokoro_npu_status kokoro_npu_open_phonemizer(const kokoro_npu_phonemizer_options* options,
                                                            kokoro_npu_phonemizer** phonemizer, kokoro_npu_error** error);
/* The phonemes of a text, into `phonemes` (at most `size` bytes, zero included); `*needed` is the bytes that are needed.
 * KOKORO_NPU_TEXT where the phonemizer cannot say the language. */
KOKORO_NPU_API kokoro_npu_status kokoro_npu_phonemes(const kokoro_npu_phonemizer* phonemizer, const char* text,
                                                     const char* language, char* phonemes, uint64_t size,
                                                     uint64_t* needed, kokoro_npu_error** error);
KOKORO_NPU_API void kokoro_npu_close_phonemizer(kokoro_npu_phonemizer* phonemizer);

/* A fact of an error; valid until the error is freed. */
KOKORO_NPU_API const char* kokoro_npu_error_fact(const kokoro_npu_error* error, kokoro_npu_fact fact);
KOKORO_NPU_API void kokoro_npu_error_free(kokoro_npu_error* error);

#ifdef __cplusplus
}
#endif

#endif
