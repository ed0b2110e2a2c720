// The engine's one error: where, what was expected, what was there, and what to do.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace kokoro_npu {

// What an error is about; the names and meanings are those of Python's error family.
enum class Fault {
    text = 1,   // text or phonemes that cannot be spoken
    contract,   // a speed, a tensor or a model that does not keep the package's contract
    package,    // a package that is incomplete, changed, or not one
    device,     // a provider or a device that did not do its part
    cancelled,  // the caller asked to stop
    internal    // anything else; its message is in `got`
};

class Error : public std::runtime_error {
public:
    Error(Fault fault, std::string where, std::string expected, std::string got, std::string todo)
        : std::runtime_error(where + ": expected " + expected + ", got " + got + ". " + todo),
          fault(fault),
          where(std::move(where)),
          expected(std::move(expected)),
          got(std::move(got)),
          todo(std::move(todo)) {}

    Fault fault;
    std::string where, expected, got, todo;
};

}  // namespace kokoro_npu
