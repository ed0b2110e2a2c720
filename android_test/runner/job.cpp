#include "job.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace runner {
namespace {

std::vector<std::string> split(const std::string& line, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(line);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

void set_entry(Job& job, const std::vector<std::string>& line) {
  const std::string& key = line.at(0);
  if (key == "model") job.model = line.at(1);
  else if (key == "weights") job.weights = line.at(1);
  else if (key == "provider") job.provider = line.at(1);
  else if (key == "optimization") job.optimization = line.at(1);
  else if (key == "plugin") job.plugin = line.at(1);
  else if (key == "operators") job.operators = line.at(1);
  else if (key == "log") job.log = line.at(1);
  else if (key == "loads") job.loads = std::stoi(line.at(1));
  else if (key == "warmup") job.warmup = std::stoi(line.at(1));
  else if (key == "runs") job.runs = std::stoi(line.at(1));
  else if (key == "session") job.session[line.at(1)] = line.at(2);
  else if (key == "option") job.options[line.at(1)] = line.at(2);
  else if (key == "output") job.outputs.push_back({line.at(1), line.at(2)});
  else if (key == "input") {
    Input input{line.at(1), line.at(2), {}, line.at(4)};
    for (const std::string& size : split(line.at(3), ',')) input.shape.push_back(std::stoll(size));
    job.inputs.push_back(input);
  } else throw std::runtime_error("unknown key");
}

}  // namespace

Job read_job(const std::string& path) {
  std::ifstream stream(path);
  if (!stream) throw std::runtime_error(path + ": cannot be read");
  Job job;
  int number = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    if (line.empty()) continue;
    try {
      set_entry(job, split(line, '\t'));
    } catch (const std::exception& error) {
      throw std::runtime_error(path + ":" + std::to_string(number) + ": '" + line + "': " + error.what());
    }
  }
  if (job.model.empty() || job.provider.empty() || job.inputs.empty() || job.outputs.empty())
    throw std::runtime_error(path + ": model, provider, input and output are needed");
  if (job.loads < 1) throw std::runtime_error(path + ": at least one load is needed");
  return job;
}

}  // namespace runner
