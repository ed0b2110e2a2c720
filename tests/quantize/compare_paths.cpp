// Compares every path that this processor supports with the plain one, and the plain one's sine with the C library's.
//
// `compare_paths` prints a line per path: its name, the calls, the worst distance of the output in dB, the most steps
// that a byte is off, the worst distances of the sum, of the activated floats and of Residual's sum in dB, how many
// numbers of Conv are not the exact ones, with and without something added, the moments' distance from float64 in dB,
// and FloatConv's from a convolution in float64. `compare_paths defect` plants a defect for every one of these numbers:
// another shift, step and zero point for the other paths, another zero point and padding for convolutions, and one wrong
// mean. Its reader must refuse them all.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "adain_loops.hpp"
#include "compare_convolutions.hpp"

using namespace kokoro_npu;

namespace {

struct Distance {
  int calls = 0, steps = 0;
  double out = 200, sum = 200, active = 200;
};

struct Result {
  std::vector<std::uint8_t> out;
  std::vector<float> sum, active;
};

// What a call asks for besides the bytes.
struct Wanted {
  bool sum, active;
};

// A call's tensors, [columns, channels], and one number per channel of each parameter.
struct Call {
  std::int64_t channels, columns;
  std::vector<std::uint8_t> bytes;
  std::vector<float> added, mask, byte_steps, gains, shifts, frequencies, amplitudes;
};

constexpr float STEP = 0.03f;
constexpr int ZERO_OUT = 117, BYTE_ZERO = 131;

const float* or_null(const std::vector<float>& row) { return row.empty() ? nullptr : row.data(); }

// What AdaIN does: the moments of blocks, which are put together, and the rest.
Result run(const Path& path, const Call& call, Wanted wanted) {
  const std::int64_t channels = call.channels;
  const auto size = static_cast<std::size_t>(channels * call.columns), row = static_cast<std::size_t>(channels);
  Result result{std::vector<std::uint8_t>(size), std::vector<float>(wanted.sum ? size : 0),
                std::vector<float>(wanted.active ? size : 0)};
  const AdainValue value{channels, call.bytes.empty() ? nullptr : call.bytes.data(), BYTE_ZERO, call.byte_steps.data(),
                         or_null(call.added), wanted.sum ? result.sum.data() : nullptr};
  std::vector<double> sums(row), squares(row);
  double real = 0;
  for (std::int64_t first = 0; first < call.columns; first += ADAIN_COLUMNS) {
    const std::int64_t end = least(first + ADAIN_COLUMNS, call.columns);
    std::vector<float> means(row), around(row);
    const auto count = static_cast<double>(
        path.moments(value, or_null(call.mask), first, end, means.data(), around.data()));
    real += count;
    for (std::size_t j = 0; j < row; ++j) {
      const double mean = means[j];
      sums[j] += count * mean;
      squares[j] += around[j] + count * mean * mean;
    }
  }
  std::vector<float> means(row), gains(row);
  for (std::size_t j = 0; j < row; ++j) {
    const double mean = sums[j] / real;
    means[j] = static_cast<float>(mean);
    gains[j] = static_cast<float>(call.gains[j] / std::sqrt(squares[j] / real - mean * mean + 1e-5));
  }
  const AdainEnd tail{means.data(), gains.data(), call.shifts.data(), or_null(call.frequencies),
                      or_null(call.amplitudes), 0.2f, wanted.active ? result.active.data() : nullptr,
                      result.out.data(), STEP, ZERO_OUT};
  for (std::int64_t first = 0; first < call.columns; first += ADAIN_COLUMNS) {
    path.activate(value, tail, or_null(call.mask), first, least(first + ADAIN_COLUMNS, call.columns));
  }
  return result;
}

void compare(const Path& plain, const Path& path, const Call& call, Wanted wanted, bool defect, Distance* found) {
  Call changed = call;
  if (defect) {
    for (float& shift : changed.shifts) shift += 0.05f;
    for (float& step : changed.byte_steps) step *= 1.05f;
  }
  const Result a = run(plain, call, wanted), b = run(path, changed, wanted);
  double signal = 1e-9, error = 0;
  for (std::size_t i = 0; i < a.out.size(); ++i) {
    const int x = a.out[i] - ZERO_OUT, y = b.out[i] - ZERO_OUT, step = std::abs(x - y);
    signal += x * x;
    error += step * step;
    if (step > found->steps) found->steps = step;
  }
  // Single bytes at a tie between two steps may fall on either side; over a few hundred bytes one of them counts much.
  if (a.out.size() >= 4095) found->out = std::fmin(found->out, decibels(signal, error));
  if (wanted.sum) found->sum = std::fmin(found->sum, distance(a.sum, b.sum));
  // The deviation of a few columns may be so small that it enlarges the rounding of their mean.
  if (wanted.active && call.columns >= 16) found->active = std::fmin(found->active, distance(a.active, b.active));
  ++found->calls;
}

Distance compare_all(const Path& path, bool defect) {
  const Path& plain = *PATHS[PATH_COUNT - 1];
  Distance found;
  state = 1;  // every path gets the same numbers
  constexpr std::int64_t SHAPES[][2] = {{1, 1},   {1, 17},  {3, 2},    {15, 5},   {16, 127}, {17, 128},
                                        {63, 65}, {64, 64}, {65, 129}, {130, 257}, {7, 4097}, {128, 1001}};
  for (const auto& shape : SHAPES) {
    const std::int64_t channels = shape[0], columns = shape[1], size = channels * columns;
    for (int choice = 0; choice < 48; ++choice) {
      const int sources = choice % 3 + 1, masked = choice / 3 % 2, snake = choice / 6 % 2;
      const Wanted wanted{choice / 12 % 2 == 1 || sources == 3, choice / 24 == 1};
      Call call{channels, columns, {}, {}, {}, numbers(channels, 0.005f, 0.02f), numbers(channels, -1.5f, 1.5f),
                numbers(channels, -1, 1), {}, {}};
      if (sources & 1) {
        for (std::int64_t i = 0; i < size; ++i) call.bytes.push_back(static_cast<std::uint8_t>(random_number(0, 256)));
      }
      if (sources & 2) call.added = numbers(size, -3, 5);
      for (std::int64_t i = 0; masked && i < columns; ++i) call.mask.push_back(i < columns - columns / 4 ? 1.0f : 0.0f);
      if (snake) {
        call.frequencies = numbers(channels, 0.3f, 30);
        for (const float frequency : call.frequencies) call.amplitudes.push_back(1 / frequency);
      }
      compare(plain, path, call, wanted, defect, &found);
    }
  }
  return found;
}

// What Residual adds, on this path and on the plain one.
double sums(const Path& path, bool defect) {
  double worst = 200;
  for (const std::int64_t channels : {1, 15, 64, 130}) {
    constexpr std::int64_t COLUMNS = 33;
    const std::int64_t size = channels * COLUMNS;
    std::vector<std::uint8_t> bytes;
    for (std::int64_t i = 0; i < size; ++i) bytes.push_back(static_cast<std::uint8_t>(random_number(0, 256)));
    const std::vector<float> steps = numbers(channels, 0.005f, 0.02f), added = numbers(size, -3, 3);
    std::vector<float> sum(static_cast<std::size_t>(size)), wanted(sum);
    const int zero = BYTE_ZERO + defect;
    path.add({channels, bytes.data(), zero, steps.data(), added.data(), sum.data()}, 0, COLUMNS);
    const Path& plain = *PATHS[PATH_COUNT - 1];
    plain.add({channels, bytes.data(), BYTE_ZERO, steps.data(), added.data(), wanted.data()}, 0, COLUMNS);
    worst = std::fmin(worst, distance(wanted, sum));
  }
  return worst;
}

double sine_decibels() {
  double signal = 0, error = 0;
  for (int i = -400000; i <= 400000; ++i) {
    const float x = static_cast<float>(i) * 1e-3f;
    const double wanted = std::sin(static_cast<double>(x)), squared = wanted * wanted;
    const double distance = squared - squared_sine(x);
    signal += squared * squared;
    error += distance * distance;
  }
  return decibels(signal, error);
}

}  // namespace

int main(int count, char**) {
  std::printf("sine %.1f\n", sine_decibels());
  for (int i = 0; i < PATH_COUNT; ++i) {
    const Path& path = *PATHS[i];
    if (!path.supported()) {
      std::printf("unsupported %s\n", path.name);
      continue;
    }
    const Distance found = compare_all(path, count > 1);
    const ConvDistance conv = convolutions(path, count > 1);
    std::printf("path %s %d %.1f %d %.1f %.1f %.1f %ld %.1f %.1f\n", path.name, found.calls, found.out, found.steps,
                found.sum, found.active, sums(path, count > 1), conv.wrong, conv.moments, conv.floats);
  }
}
