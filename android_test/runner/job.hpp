// What the runner is told: one file of lines `key<TAB>value<TAB>value…`, written by android_test/device/device_run.py.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace runner {

struct Input {
  std::string name;
  std::string dtype;           // float32 or int32
  std::vector<int64_t> shape;  // elements along each axis
  std::string file;            // raw little-endian numbers
};

struct Output {
  std::string name;
  std::string file;
};

struct Job {
  std::string model;
  std::string weights;       // file that the model's tensors lie in; empty: inside the model, or beside an EPContext
  std::string provider;      // cpu, nnapi, qnn
  std::string optimization;  // disable_all or all
  std::string plugin;        // provider library to register; empty: the provider is built in
  std::string operators;     // library of operators to register; empty: the model needs none
  std::string log;           // every line that ONNX Runtime logs goes there
  std::map<std::string, std::string> session;  // session configuration entries
  std::map<std::string, std::string> options;  // the provider's; for NNAPI flags by name
  std::vector<Input> inputs;
  std::vector<Output> outputs;
  int loads = 1;  // how often the session is made; the last one is run
  int warmup = 0;
  int runs = 1;
};

// Throws std::runtime_error with file and line: unreadable, an unknown key, a missing value.
Job read_job(const std::string& path);

}  // namespace runner
