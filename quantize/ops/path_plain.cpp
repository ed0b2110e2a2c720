// The path without vector instructions: the reference of every other path, and the one for any other processor.
#include "adain_loops.hpp"
#include "conv_loops.hpp"

namespace kokoro_npu {
namespace {

// One product after the other.
template <class GivenElement, class GivenWeight>
struct PlainKernel {
  using Element = GivenElement;
  using Weight = GivenWeight;
  static constexpr int SHIFT = 0, GROUP = 2, COLUMNS = 1;

  static void sums(const ConvBlock<Weight>& block, const Element* first, std::int32_t* out) {
    for (std::int64_t channel = 0; channel < CONV_CHANNELS; ++channel) out[channel] = block.offsets[channel];
    const Weight* weights = block.weights;
    for (std::int64_t tap = 0; tap < block.taps; ++tap, first += block.tap_distance) {
      for (std::int64_t group = 0; group < block.groups; ++group) {
        for (std::int64_t channel = 0; channel < CONV_CHANNELS; ++channel, weights += GROUP) {
          for (int i = 0; i < GROUP; ++i) out[channel] += weights[i] * first[group * GROUP + i];
        }
      }
    }
  }
};

bool always() { return true; }

}  // namespace

extern const Path PLAIN;
const Path PLAIN{"plain", always, moments, activate, add,
                 &ConvLoops<PlainKernel<std::uint8_t, std::int8_t>, false>::PATH,
                 &ConvLoops<PlainKernel<std::int16_t, std::int16_t>, true>::PATH};

}  // namespace kokoro_npu
