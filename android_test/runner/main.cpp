// runner JOB: loads one stage with one provider, runs it, writes its outputs, answers with one line of JSON.
//
// Exit status 0 with `RESULT {…}` on standard output, whether finished or refused. Everything else, a signal above all,
// means that the process died: the driver's doing, and a result for the caller. One process a stage for that reason.
#include <onnxruntime_cxx_api.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>

#include "assignment.hpp"
#include "job.hpp"
#include "provider.hpp"
#include "result.hpp"
#include "tensors.hpp"

namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point begun) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begun).count();
}

// A phase is said before it begins, so that a process that dies has told how far it came.
void enter(runner::Result& result, const char* phase) {
  result.phase = phase;
  std::printf("PHASE %s\n", phase);
  std::fflush(stdout);
}

// The NNAPI provider names its devices at severity VERBOSE, where ONNX Runtime says thousands of other things. Only this
// line is read later (device_log.py).
constexpr const char* kVerboseLine = "Found devices [";

void ORT_API_CALL log_line(void* sink, OrtLoggingLevel severity, const char*, const char*, const char*,
                           const char* message) {
  if (severity == ORT_LOGGING_LEVEL_VERBOSE && std::strncmp(message, kVerboseLine, std::strlen(kVerboseLine)) != 0)
    return;
  std::fprintf(static_cast<std::FILE*>(sink), "%d %s\n", static_cast<int>(severity), message);
  std::fflush(static_cast<std::FILE*>(sink));  // what was said before a crash is the evidence
}

std::size_t element_size(const std::string& dtype) {
  if (dtype == "float32" || dtype == "int32") return 4;
  throw std::runtime_error("dtype " + dtype + " is neither float32 nor int32");
}

struct Feed {
  std::vector<std::vector<char>> bytes;  // what the values look at
  std::vector<const char*> names;
  std::vector<Ort::Value> values;
};

Feed read_inputs(const runner::Job& job) {
  Feed feed;
  const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  feed.bytes.reserve(job.inputs.size());
  for (const runner::Input& input : job.inputs) {
    std::size_t wanted = element_size(input.dtype);
    for (const int64_t size : input.shape) wanted *= static_cast<std::size_t>(size);
    feed.bytes.push_back(runner::read_bytes(input.file));
    if (feed.bytes.back().size() != wanted)
      throw std::runtime_error(input.file + ": " + std::to_string(feed.bytes.back().size()) + " bytes instead of " +
                               std::to_string(wanted));
    const auto type =
        input.dtype == "int32" ? ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32 : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
    feed.values.push_back(Ort::Value::CreateTensor(memory, feed.bytes.back().data(), wanted, input.shape.data(),
                                                   input.shape.size(), type));
    feed.names.push_back(input.name.c_str());
  }
  return feed;
}

void write_outputs(const runner::Job& job, std::vector<Ort::Value>& values, runner::Result& result) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto info = values[i].GetTensorTypeAndShapeInfo();
    const auto type = info.GetElementType();
    if (type != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT && type != ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32)
      throw std::runtime_error(job.outputs[i].name + " is neither float32 nor int32");
    runner::write_bytes(job.outputs[i].file, values[i].GetTensorRawData(), info.GetElementCount() * 4);
    result.outputs.push_back({job.outputs[i].name, type == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32 ? "int32" : "float32",
                              info.GetShape(), job.outputs[i].file});
  }
}

// Makes the session as often as the job says, and times the first and the last time: for a context, the second load is
// that of an app which closed a session and opens it again.
std::unique_ptr<Ort::Session> load(const runner::Job& job, Ort::Env& env, runner::Result& result) {
  enter(result, "load");
  Ort::SessionOptions options;
  options.SetLogSeverityLevel(ORT_LOGGING_LEVEL_VERBOSE);  // the device line; log_line drops the rest
  runner::prepare(job, env, options, result);
  if (!job.operators.empty()) options.RegisterCustomOpsLibrary(job.operators.c_str());
  const std::vector<char> model = runner::read_bytes(job.model);
  std::vector<char> weights;
  if (!job.weights.empty()) {  // NNAPI refuses tensors that lie in a file
    weights = runner::read_bytes(job.weights);
    const auto slash = job.weights.rfind('/');
    const std::string name = slash == std::string::npos ? job.weights : job.weights.substr(slash + 1);
    options.AddExternalInitializersFromFilesInMemory({name}, {weights.data()}, {weights.size()});
  }
  std::unique_ptr<Ort::Session> session;
  for (int i = 0; i < job.loads; ++i) {
    if (i > 0) enter(result, "load again");
    session.reset();
    const auto begun = Clock::now();
    // An EPContext node names its binary relative to the model's own file.
    session = job.weights.empty() ? std::make_unique<Ort::Session>(env, job.model.c_str(), options)
                                  : std::make_unique<Ort::Session>(env, model.data(), model.size(), options);
    (i == 0 ? result.load_ms : result.second_load_ms) = since(begun);
  }
  if (job.session.count("session.record_ep_graph_assignment_info"))
    result.assignment_known = runner::read_assignment(*session, result.assignment);
  return session;
}

void work(const runner::Job& job, Ort::Env& env, runner::Result& result) {
  const std::unique_ptr<Ort::Session> session = load(job, env, result);

  Feed feed = read_inputs(job);
  std::vector<const char*> outputs;
  for (const runner::Output& output : job.outputs) outputs.push_back(output.name.c_str());
  enter(result, "run");
  std::vector<Ort::Value> values;
  Ort::RunOptions run;
  run.SetRunLogSeverityLevel(ORT_LOGGING_LEVEL_INFO);  // what is timed writes no VERBOSE lines only to drop them
  for (int i = 0; i < job.warmup + job.runs; ++i) {
    const auto begun = Clock::now();
    values = session->Run(run, feed.names.data(), feed.values.data(), feed.values.size(),
                         outputs.data(), outputs.size());
    const double took = since(begun);
    if (i == 0) result.first_run_ms = took;
    if (i >= job.warmup) result.runs_ms.push_back(took);
  }
  enter(result, "write");
  write_outputs(job, values, result);
  enter(result, "done");
  result.outcome = "finished";
}

}  // namespace

int main(int argc, char** argv) {
  runner::Result result;
  std::FILE* sink = nullptr;
  try {
    if (argc != 2) throw std::runtime_error("one argument: the job file");
    const runner::Job job = runner::read_job(argv[1]);
    result.onnxruntime = Ort::GetVersionString();
    sink = job.log.empty() ? stderr : std::fopen(job.log.c_str(), "w");
    if (!sink) throw std::runtime_error(job.log + ": cannot be written");
    Ort::Env env(ORT_LOGGING_LEVEL_VERBOSE, "runner", log_line, sink);
    env.DisableTelemetryEvents();
    work(job, env, result);
  } catch (const std::exception& error) {
    result.reason = error.what();
  } catch (...) {
    result.reason = "an exception of unknown type";
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  result.peak_kb = usage.ru_maxrss;
  std::printf("RESULT %s\n", runner::to_json(result).c_str());
  std::fflush(stdout);
  return 0;
}
