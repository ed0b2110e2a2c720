// Answers questions about text normalization, one per line: `spoken`, language, text; with \n, \t, \\ as escapes. The
// answer of a refused text is `!` and what it says.
#include <iostream>
#include <string>

#include "error.hpp"
#include "text/spoken.hpp"

namespace {

std::string typed(const std::string& field) {
    std::string out;
    for (std::size_t i = 0; i < field.size(); ++i) {
        if (field[i] != '\\' || i + 1 == field.size()) {
            out += field[i];
            continue;
        }
        const char c = field[++i];
        out += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c == '0' ? '\0' : c;
    }
    return out;
}

std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text) out += c == '\\' ? "\\\\" : c == '\n' ? "\\n" : c == '\t' ? "\\t" : std::string(1, c);
    return out;
}

}  // namespace

int main(int count, char** arguments) {
    std::string line;
    const kokoro_npu::reading::Lexicon lexicon =
        count > 1 ? kokoro_npu::reading::Lexicon(typed(arguments[1])) : kokoro_npu::reading::Lexicon();
    while (std::getline(std::cin, line)) {
        const std::size_t tab = line.find('\t');
        if (tab == std::string::npos) return 1;
        try {
            std::cout << escaped(kokoro_npu::spoken(typed(line.substr(tab + 1)), line.substr(0, tab), lexicon)) << '\n';
        } catch (const kokoro_npu::Error& error) {
            std::cout << "!" << error.where << '\n';
        }
    }
}
