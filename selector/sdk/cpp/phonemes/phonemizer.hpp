// The interface between text and phonemes: an app passes a Phonemizer of its own, or one that this folder makes.
#pragma once

#include <functional>
#include <string>

namespace kokoro_npu {

// Text of one language -> phonemes of the package's vocabulary, in UTF-8; empty where there is nothing to say. Throws
// Error(text) for a language that it cannot say. An engine calls it for one text at a time, from the thread that speaks;
// the phonemizers that this folder makes may be called from several threads at once.
using Phonemizer = std::function<std::string(const std::string& text, const std::string& language)>;

}  // namespace kokoro_npu
