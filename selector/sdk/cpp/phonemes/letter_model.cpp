#include "phonemes/letter_model.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace kokoro_npu {
namespace {

constexpr std::size_t letters = 26;
constexpr std::size_t width = 24;  // ways to say the word so far that are kept

struct Way {
    std::uint32_t cost = 0;
    std::vector<std::uint16_t> units;  // with the edge of the word at the front
    bool stressed = false;
};

bool has_main_stress(const std::u32string& sounds) { return sounds.find(U'ˈ') != std::u32string::npos; }

bool better(const Way& a, const Way& b) { return a.cost != b.cost ? a.cost < b.cost : a.units < b.units; }

}  // namespace

LetterModel::LetterModel(std::shared_ptr<const EnglishData> data) : data_(std::move(data)), of_letter_(letters) {
    for (std::size_t i = 0; i < data_->units().size(); ++i) {
        const char letter = data_->units()[i].letter;
        if (letter < 'a' || letter > 'z') continue;
        of_letter_[static_cast<std::size_t>(letter - 'a')].push_back(static_cast<std::uint16_t>(i + 1));
    }
}

std::u32string LetterModel::say(const std::string& word) const {
    std::vector<Way> ways{{0, {0}, false}};
    const std::size_t remembered = data_->order() - 1;
    for (const char letter : word) {
        if (letter < 'a' || letter > 'z') continue;
        std::vector<Way> longer;
        for (const Way& way : ways)
            for (const std::uint16_t unit : of_letter_[static_cast<std::size_t>(letter - 'a')]) {
                const bool stress = has_main_stress(data_->units()[unit - 1u].sounds);
                if (stress && way.stressed) continue;  // a word has one main stress
                Way next{way.cost + data_->cost(way.units, unit), way.units, way.stressed || stress};
                next.units.push_back(unit);
                longer.push_back(std::move(next));
            }
        std::sort(longer.begin(), longer.end(), better);
        ways.clear();
        for (Way& way : longer) {  // of ways that end alike, only the best can win
            const auto same_end = [&](const Way& other) {
                const auto n = static_cast<std::ptrdiff_t>(std::min(remembered, way.units.size()));
                return way.stressed == other.stressed &&
                       std::equal(way.units.end() - n, way.units.end(), other.units.end() - n);
            };
            if (std::none_of(ways.begin(), ways.end(), same_end)) ways.push_back(std::move(way));
            if (ways.size() == width) break;
        }
    }
    for (Way& way : ways) way.cost += data_->cost(way.units, 0);
    const auto unstressed = std::partition(ways.begin(), ways.end(), [](const Way& way) { return way.stressed; });
    if (unstressed != ways.begin()) ways.erase(unstressed, ways.end());
    const Way best = ways.empty() ? Way{} : *std::min_element(ways.begin(), ways.end(), better);
    std::u32string said;
    for (const std::uint16_t unit : best.units)
        if (unit > 0) said += data_->units()[unit - 1u].sounds;
    return said;
}

}  // namespace kokoro_npu
