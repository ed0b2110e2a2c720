// What the runner answers: one line of JSON behind the word RESULT on standard output.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace runner {

struct Assigned {
  std::size_t subgraphs = 0;
  std::size_t nodes = 0;
};

struct Hardware {
  std::string name;
  std::string type;  // CPU, GPU, NPU
};

struct Written {
  std::string name;
  std::string dtype;
  std::vector<int64_t> shape;
  std::string file;
};

struct Result {
  std::string outcome = "refused";  // finished, or refused with a reason
  std::string phase = "job";        // how far it came: job, load, run, write, done
  std::string reason;
  std::string onnxruntime;   // version of the library
  std::string provider;
  std::string optimization;  // as set on the session options
  std::map<std::string, std::string> session;  // read back from the session options
  std::map<std::string, std::string> options;  // as handed to the provider
  uint32_t flags = 0;                          // NNAPI's, as handed over
  bool assignment_known = false;
  std::map<std::string, Assigned> assignment;  // by provider
  std::vector<Hardware> hardware;  // a plugin provider's devices that the session was given
  double load_ms = 0;
  double second_load_ms = -1;  // the last of several loads; below 0: there was one
  double first_run_ms = 0;
  std::vector<double> runs_ms;
  long peak_kb = 0;  // resident maximum of this process
  std::vector<Written> outputs;
};

// One line, no line break inside.
std::string to_json(const Result& result);

}  // namespace runner
