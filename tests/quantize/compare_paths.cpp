// Compares every path that this processor supports with the plain one, and the plain one's sine with the C library's.
//
// `compare_paths` prints a line per path: its name, the calls, the worst distance of the output in dB, the most steps
// that a byte is off, the worst distances of the sum, of the activated floats and of
// Residual's sum in dB, whether bytes survive the way from channels last to rows and back, how many integers of Conv are
// not the exact ones, and FloatConv's distance from a convolution in float64 in dB. `compare_paths defect` gives the
// other paths another shift than the plain one, and convolutions another zero point and padding, which its reader must
// refuse.
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace kokoro_npu {
namespace {
void look_up(const unsigned char* table, const unsigned char* bytes, long long count, unsigned char* out) {
  for (long long i = 0; i < count; ++i) out[i] = table[bytes[i]];
}
}  // namespace
}  // namespace kokoro_npu
#define KOKORO_NPU_LOOKUP look_up
#include "row_loops.hpp"

using namespace kokoro_npu;

namespace {

double decibels(double signal, double error) { return error == 0 ? 200 : 10 * std::log10(signal / error); }

unsigned state = 1;
float random_number(float low, float high) {
  state = state * 1664525u + 1013904223u;
  return low + (high - low) * static_cast<float>(state >> 8) / 16777216.0f;
}

struct Distance {
  int calls = 0, steps = 0;
  double out = 200, sum = 200, active = 200;
};

struct Result {
  std::vector<std::uint8_t> out;
  std::vector<float> sum, active;
};

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double signal = 1e-9, error = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double off = static_cast<double>(a[i]) - b[i];
    signal += static_cast<double>(a[i]) * a[i];
    error += off * off;
  }
  return decibels(signal, error);
}

// What a call asks for besides the bytes.
struct Wanted {
  bool sum, active;
};

Result run(const Path& path, AdainRow row, Wanted wanted) {
  const auto size = static_cast<std::size_t>(row.columns);
  Result result{std::vector<std::uint8_t>(size), std::vector<float>(wanted.sum ? size : 0),
                std::vector<float>(wanted.active ? size : 0)};
  row.out = result.out.data();
  row.sum = wanted.sum ? result.sum.data() : nullptr;
  row.active = wanted.active ? result.active.data() : nullptr;
  path.adain(row);
  return result;
}

void compare(const Path& plain, const Path& path, const AdainRow& row, Wanted wanted, bool defect, Distance* found) {
  AdainRow changed = row;
  if (defect) changed.shift += 0.05f;
  const Result a = run(plain, row, wanted), b = run(path, changed, wanted);
  double signal = 1e-9, error = 0;
  for (std::size_t i = 0; i < a.out.size(); ++i) {
    const int x = a.out[i] - row.zero, y = b.out[i] - row.zero, step = std::abs(x - y);
    signal += x * x;
    error += step * step;
    if (step > found->steps) found->steps = step;
  }
  // Single bytes at a tie between two steps may fall on either side; over a few hundred bytes one of them counts much.
  if (a.out.size() >= 4095) found->out = std::fmin(found->out, decibels(signal, error));
  if (wanted.sum) found->sum = std::fmin(found->sum, distance(a.sum, b.sum));
  if (wanted.active) found->active = std::fmin(found->active, distance(a.active, b.active));
  ++found->calls;
}

Distance compare_all(const Path& path, bool defect) {
  const Path& plain = *PATHS[PATH_COUNT - 1];
  Distance found;
  state = 1;  // every path gets the same numbers
  for (const int columns : {1, 2, 3, 15, 16, 17, 63, 64, 65, 127, 1001, 4095, 4096, 4097, 24009}) {
    const auto size = static_cast<std::size_t>(columns);
    std::vector<std::uint8_t> bytes(size), byte_mask(size);
    std::vector<float> added(size), mask(size);
    for (int choice = 0; choice < 48; ++choice) {
      const int sources = choice % 3 + 1, masked = choice / 3 % 2, snake = choice / 6 % 2;
      const Wanted wanted{choice / 12 % 2 == 1 || sources == 3, choice / 24 == 1};
      AdainRow row{};
      row.columns = columns;
      row.real = masked ? columns - columns / 4 : columns;
      for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = static_cast<std::uint8_t>(random_number(0, 256));
        added[i] = random_number(-3, 5);
        mask[i] = static_cast<double>(i) < row.real ? 1 : 0;
        byte_mask[i] = mask[i] == 1 ? 255 : 0;
      }
      row.bytes = sources & 1 ? bytes.data() : nullptr;
      row.byte_step = random_number(0.005f, 0.02f);
      row.byte_zero = 131;
      row.added = sources & 2 ? added.data() : nullptr;
      row.mask = masked ? mask.data() : nullptr;
      row.byte_mask = masked ? byte_mask.data() : nullptr;
      row.gain = random_number(-1.5f, 1.5f);
      row.shift = random_number(-1, 1);
      row.epsilon = 1e-5f;
      row.snake = snake;
      row.frequency = random_number(0.3f, 30);
      row.amplitude = 1 / row.frequency;
      row.slope = 0.2f;
      row.step = 0.03f;
      row.zero = 117;
      compare(plain, path, row, wanted, defect, &found);
    }
  }
  return found;
}

// Turns bytes from channels last to rows, adds them to floats, and turns them back: the distance of the sums, and whether
// the bytes came back.
double layouts(const Path& path, bool* same) {
  const Path& plain = *PATHS[PATH_COUNT - 1];
  double worst = 200;
  for (const int channels : {1, 15, 16, 17, 64}) {
    for (const int columns : {1, 16, 33, 256}) {
      const auto size = static_cast<std::size_t>(channels * columns);
      std::vector<std::uint8_t> bytes(size), rows(size), other(size), back(size);
      std::vector<float> added(size), sum(size), wanted(size);
      for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = static_cast<std::uint8_t>(random_number(0, 256));
        added[i] = random_number(-3, 3);
      }
      path.to_rows(bytes.data(), channels, columns, rows.data(), columns);
      for (int i = 0; i < columns; ++i) {
        for (int j = 0; j < channels; ++j) other[j * columns + i] = bytes[i * channels + j];
      }
      path.from_rows(rows.data(), columns, channels, columns, back.data());
      *same = *same && rows == other && back == bytes;
      path.add_bytes(rows.data(), channels * columns, 0.03f, 117, added.data(), sum.data());
      plain.add_bytes(rows.data(), channels * columns, 0.03f, 117, added.data(), wanted.data());
      worst = std::fmin(worst, distance(wanted, sum));
    }
  }
  return worst;
}

struct ConvDistance {
  long wrong = 0;
  double floats = 200;
};

// One convolution on a path, in tiles and in single blocks; `tile` has the input.
std::vector<float> convolve(const ConvPath& conv, ConvTile tile, const std::vector<std::int16_t>& weights, int zero) {
  const ConvShape& shape = tile.shape;
  const std::int64_t blocks = whole_blocks(shape.out);
  const auto channels = static_cast<std::size_t>(blocks * CONV_CHANNELS);
  std::vector<std::uint8_t> packed(static_cast<std::size_t>(conv.packed_bytes(shape)));
  std::vector<std::int32_t> totals(channels), offsets(channels);
  std::vector<float> scales(channels, 1), biases(channels), rows(static_cast<std::size_t>(shape.out * tile.columns));
  conv.pack(shape, weights.data(), packed.data(), totals.data());
  for (std::size_t i = 0; i < channels; ++i) offsets[i] = (conv.shift - zero) * totals[i];
  tile.packed = packed.data();
  tile.offsets = offsets.data();
  tile.scales = scales.data();
  tile.biases = biases.data();
  tile.rows = rows.data();
  tile.stride = tile.columns;
  for (; tile.first < tile.columns; tile.first += CONV_COLUMNS) {
    tile.count = tile.columns - tile.first < CONV_COLUMNS ? tile.columns - tile.first : CONV_COLUMNS;
    std::vector<std::uint8_t> scratch(static_cast<std::size_t>(conv.scratch_bytes(shape, tile.count)));
    tile.scratch = scratch.data();
    for (tile.block = 0; tile.block < blocks; ++tile.block) {
      tile.blocks = tile.block + 1;
      conv.run(tile);
    }
  }
  return rows;
}

ConvDistance convolutions(const Path& path, bool defect) {
  ConvDistance found;
  state = 1;
  const ConvShape shapes[] = {{1, 1, 1, 1, 0},    {3, 5, 3, 1, 1},   {22, 64, 7, 3, 9}, {66, 65, 1, 1, 0},
                              {16, 17, 11, 1, 5}, {9, 70, 11, 5, 25}, {34, 3, 3, 5, 5},  {128, 128, 3, 1, 1}};
  for (const ConvShape& shape : shapes) {
    for (const int columns : {1, 5, 48, 49, 800}) {
      const auto size = static_cast<std::size_t>(shape.in * columns);
      std::vector<std::uint8_t> bytes(size);
      std::vector<float> floats(size);
      std::vector<std::int16_t> weights(static_cast<std::size_t>(shape.in * shape.out * shape.taps));
      for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = static_cast<std::uint8_t>(random_number(0, 2) < 1 ? random_number(0, 256) : 255);
        floats[i] = random_number(-3, 5);
      }
      for (auto& weight : weights) weight = static_cast<std::int16_t>(random_number(0, 2) < 1 ? random_number(-127, 128) : 127);
      constexpr int ZERO = 131;
      ConvTile tile{};
      tile.shape = shape;
      tile.columns = columns;
      tile.bytes = bytes.data();
      tile.zero = defect ? ZERO + 1 : ZERO;
      const auto whole = convolve(*path.conv, tile, weights, tile.zero);
      tile.floats = floats.data();
      tile.most = 2047;
      tile.shape.left += defect;
      const auto real = convolve(*path.float_conv, tile, weights, 0);
      double signal = 1e-9, error = 0;
      for (std::int64_t out = 0; out < shape.out; ++out) {
        for (int column = 0; column < columns; ++column) {
          std::int64_t sum = 0;
          double wanted = 0;
          for (std::int64_t tap = 0; tap < shape.taps; ++tap) {
            const std::int64_t at = column - shape.left + tap * shape.dilation;
            if (at < 0 || at >= columns) continue;
            for (std::int64_t in = 0; in < shape.in; ++in) {
              const int weight = weights[static_cast<std::size_t>((out * shape.in + in) * shape.taps + tap)];
              sum += weight * (bytes[static_cast<std::size_t>(at * shape.in + in)] - ZERO);
              wanted += weight * static_cast<double>(floats[static_cast<std::size_t>(in * columns + at)]);
            }
          }
          const auto place = static_cast<std::size_t>(out * columns + column);
          found.wrong += whole[place] != static_cast<float>(sum);
          signal += wanted * wanted;
          error += (wanted - real[place]) * (wanted - real[place]);
        }
      }
      found.floats = std::fmin(found.floats, decibels(signal, error));
    }
  }
  return found;
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
    bool same = true;
    const double added = layouts(path, &same);
    const ConvDistance conv = convolutions(path, count > 1);
    std::printf("path %s %d %.1f %d %.1f %.1f %.1f %d %ld %.1f\n", path.name, found.calls, found.out, found.steps,
                found.sum, found.active, added, same, conv.wrong, conv.floats);
  }
}
