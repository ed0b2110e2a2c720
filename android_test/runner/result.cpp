#include "result.hpp"

#include <cstdio>
#include <sstream>

namespace runner {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const unsigned char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c < 0x20 || c > 0x7e) {  // bytes of drivers' messages are not always UTF-8: shown as Latin-1
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", c);
      out += code;
    } else {
      out += static_cast<char>(c);
    }
  }
  return out + "\"";
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", value);
  return text;
}

template <typename Items, typename Each>
std::string listed(const Items& items, const char* brackets, Each each) {
  std::string out(1, brackets[0]);
  for (const auto& item : items) out += (out.size() > 1 ? ", " : "") + each(item);
  return out + brackets[1];
}

std::string map_of(const std::map<std::string, std::string>& map) {
  return listed(map, "{}", [](const auto& entry) { return quoted(entry.first) + ": " + quoted(entry.second); });
}

}  // namespace

std::string to_json(const Result& r) {
  std::ostringstream out;
  out << "{\"outcome\": " << quoted(r.outcome) << ", \"phase\": " << quoted(r.phase)
      << ", \"reason\": " << quoted(r.reason) << ", \"onnxruntime\": " << quoted(r.onnxruntime)
      << ", \"provider\": " << quoted(r.provider) << ", \"optimization\": " << quoted(r.optimization)
      << ", \"session\": " << map_of(r.session) << ", \"options\": " << map_of(r.options)
      << ", \"flags\": " << r.flags << ", \"assignment_known\": " << (r.assignment_known ? "true" : "false")
      << ", \"assignment\": " << listed(r.assignment, "[]", [](const auto& part) {
           return "{\"provider\": " + quoted(part.first) + ", \"subgraphs\": " +
                  std::to_string(part.second.subgraphs) + ", \"nodes\": " + std::to_string(part.second.nodes) + "}";
         })
      << ", \"hardware\": " << listed(r.hardware, "[]", [](const Hardware& h) {
           return "{\"name\": " + quoted(h.name) + ", \"type\": " + quoted(h.type) + "}";
         })
      << ", \"load_ms\": " << number(r.load_ms)
      << ", \"second_load_ms\": " << (r.second_load_ms < 0 ? "null" : number(r.second_load_ms)) << ", \"first_run_ms\": " << number(r.first_run_ms)
      << ", \"runs_ms\": " << listed(r.runs_ms, "[]", number) << ", \"peak_kb\": " << r.peak_kb
      << ", \"outputs\": " << listed(r.outputs, "[]", [](const Written& w) {
           return "{\"name\": " + quoted(w.name) + ", \"dtype\": " + quoted(w.dtype) + ", \"shape\": " +
                  listed(w.shape, "[]", [](int64_t size) { return std::to_string(size); }) +
                  ", \"file\": " + quoted(w.file) + "}";
         })
      << "}";
  return out.str();
}

}  // namespace runner
