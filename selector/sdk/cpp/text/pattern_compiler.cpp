// A pattern in Python's notation -> the steps that pattern.cpp runs.
#include <algorithm>
#include <iterator>
#include <limits>
#include <stdexcept>

#include "pattern.hpp"
#include "unicode_kinds.hpp"
#include "utf8.hpp"

namespace kokoro_npu::reading {
namespace {

constexpr std::int32_t unbounded = std::numeric_limits<std::int32_t>::max();
using Op = Step::Op;

// Steps of a part of a pattern, and how many characters it takes.
struct Part {
    std::vector<Step> steps;
    std::int32_t least = 0, most = 0;

    void add(const Part& next) {
        steps.insert(steps.end(), next.steps.begin(), next.steps.end());
        least += next.least;
        most = most == unbounded || next.most == unbounded ? unbounded : most + next.most;
    }
    std::int32_t size() const { return static_cast<std::int32_t>(steps.size()); }
};

Step step(Op op, std::int32_t a = 0, std::int32_t b = 0, std::int32_t c = 0) {
    Step made;
    made.op = op;
    made.a = a;
    made.b = b;
    made.c = c;
    return made;
}

Part one(const Step& made) { return {{made}, 1, 1}; }
Part none(const Step& made) { return {{made}, 0, 0}; }

class Compiler {
public:
    Compiler(std::string_view written, bool ignore_case, bool dot_all)
        : written_(decoded(written)), fold_(ignore_case), dot_all_(dot_all) {}

    Program program() {
        Part all = alternatives();
        if (at_ != written_.size()) fail("a closing bracket that nothing opened");
        program_.steps = std::move(all.steps);
        program_.steps.push_back(step(Op::accept));
        program_.groups = groups_;
        mark_first_characters(program_);
        return std::move(program_);
    }

private:
    Text written_;
    std::size_t at_ = 0;
    bool fold_, dot_all_;
    int groups_ = 0;
    std::vector<std::int32_t> least_;  // characters of each group
    Program program_;

    [[noreturn]] void fail(const std::string& what) const {
        throw std::invalid_argument("pattern " + encoded(written_) + ": " + what);
    }
    bool more() const { return at_ < written_.size(); }
    char32_t peek() const { return more() ? written_[at_] : 0; }
    char32_t take() {
        if (!more()) fail("ends too early");
        return written_[at_++];
    }
    bool taken(View what) {
        if (written_.compare(at_, what.size(), what) != 0) return false;
        at_ += what.size();
        return true;
    }

    Part alternatives() {
        std::vector<Part> parts{sequence()};
        while (taken(U"|")) parts.push_back(sequence());
        std::int32_t behind = 0;  // steps up to the end, of which each part but the last has two more
        for (const Part& part : parts) behind += part.size() + 2;
        Part all;
        all.least = unbounded;
        for (std::size_t i = 0; i < parts.size(); ++i) {
            const Part& part = parts[i];
            const bool last = i + 1 == parts.size();
            behind -= part.size() + 2;
            if (!last) all.steps.push_back(step(Op::split, 1, part.size() + 2));
            all.steps.insert(all.steps.end(), part.steps.begin(), part.steps.end());
            if (!last) all.steps.push_back(step(Op::jump, behind - 1));
            all.least = std::min(all.least, part.least);
            all.most = std::max(all.most, part.most);
        }
        return all;
    }

    Part sequence() {
        Part out;
        while (more() && peek() != U'|' && peek() != U')') out.add(repeated(atom()));
        return out;
    }

    Part atom() {
        const char32_t c = take();
        if (c == U'(') return group();
        if (c == U'[') return set();
        if (c == U'^') return none(step(Op::begin));
        if (c == U'$') return none(step(Op::end));
        if (c == U'.') {
            Step any = step(Op::any);
            any.flag = dot_all_;
            return one(any);
        }
        return c == U'\\' ? escape() : letter(c);
    }

    Part letter(char32_t c) const {
        Step made = step(fold_ ? Op::folded : Op::letter);
        made.letter = fold_ ? folded(c) : c;
        return one(made);
    }

    Part escape() {
        const char32_t c = take();
        if (c == U'b') return none(step(Op::word_bound));
        if (c == U'B') return none(step(Op::no_word_bound));
        if (c >= U'1' && c <= U'9') {
            const auto group = static_cast<std::size_t>(c - U'0');
            if (group >= least_.size()) fail("a reference to a group that is not closed yet");
            return {{step(Op::again, static_cast<std::int32_t>(group))}, least_[group], unbounded};
        }
        CharacterSet kind;
        if (kind_of(c, kind)) return added(std::move(kind));
        return letter(named(c));
    }

    static bool kind_of(char32_t c, CharacterSet& set) {
        constexpr View kinds = U"wds", not_kinds = U"WDS";
        if (const auto i = kinds.find(c); i != View::npos) return set.kinds |= static_cast<std::uint8_t>(1U << i), true;
        if (const auto i = not_kinds.find(c); i != View::npos)
            return set.not_kinds |= static_cast<std::uint8_t>(1U << i), true;
        return false;
    }

    char32_t named(char32_t c) {
        const int digits = c == U'x' ? 2 : c == U'u' ? 4 : c == U'U' ? 8 : 0;
        if (digits == 0) return c == U'n' ? U'\n' : c == U't' ? U'\t' : c == U'r' ? U'\r' : c;
        char32_t code = 0;
        for (int i = 0; i < digits; ++i) {
            const char32_t d = take();
            code = code * 16 + (d <= U'9' ? d - U'0' : (d | 0x20U) - U'a' + 10);
        }
        return code;
    }

    Part added(CharacterSet set) {
        set.folded = fold_;
        program_.sets.push_back(std::move(set));
        return one(step(Op::set, static_cast<std::int32_t>(program_.sets.size()) - 1));
    }

    Part set() {
        CharacterSet made;
        made.negative = taken(U"^");
        for (bool first = true; first || peek() != U']'; first = false) {
            char32_t c = take();
            if (c == U'\\') {
                c = take();
                if (kind_of(c, made)) continue;
                c = named(c);
            }
            char32_t last = c;
            if (peek() == U'-' && at_ + 1 < written_.size() && written_[at_ + 1] != U']') {
                ++at_;
                last = take();
                if (last == U'\\') last = named(take());
            }
            made.ranges.emplace_back(c, last);
        }
        ++at_;
        return added(std::move(made));
    }

    Part group() {
        if (!taken(U"?")) return captured("");
        if (taken(U":")) return closed();
        if (taken(U"i:")) {
            const bool before = std::exchange(fold_, true);
            Part part = closed();
            fold_ = before;
            return part;
        }
        if (taken(U"P<")) {
            std::string name;
            while (peek() != U'>') name += static_cast<char>(take());
            ++at_;
            return captured(name);
        }
        const bool behind = taken(U"<"), negative = taken(U"!");
        if (!negative && !taken(U"=")) fail("a group of an unknown kind");
        const Part body = closed();
        if (behind && body.least != body.most) fail("a look behind of no fixed length");
        Step look = step(Op::look, body.size() + 1, behind ? body.least : -1);
        look.flag = negative;
        Part out = none(look);
        out.steps.insert(out.steps.end(), body.steps.begin(), body.steps.end());
        out.steps.push_back(step(Op::accept));
        return out;
    }

    Part closed() {
        Part part = alternatives();
        if (take() != U')') fail("a bracket that is not closed");
        return part;
    }

    Part captured(const std::string& name) {
        const int number = ++groups_;
        if (!name.empty()) program_.names.emplace_back(name, number);
        Part out = none(step(Op::save, 2 * number));
        out.add(closed());
        least_.resize(std::max(least_.size(), static_cast<std::size_t>(number) + 1));
        least_[static_cast<std::size_t>(number)] = out.least;
        out.add(none(step(Op::save, 2 * number + 1)));
        return out;
    }

    std::int32_t number() {
        std::int32_t value = 0;
        while (peek() >= U'0' && peek() <= U'9') value = value * 10 + static_cast<std::int32_t>(take() - U'0');
        return value;
    }

    Part repeated(const Part& part) {
        std::int32_t least = 1, most = 1;
        if (taken(U"*")) {
            least = 0, most = unbounded;
        } else if (taken(U"+")) {
            most = unbounded;
        } else if (taken(U"?")) {
            least = 0;
        } else if (taken(U"{")) {
            least = number();
            most = taken(U",") ? (peek() == U'}' ? unbounded : number()) : least;
            if (!taken(U"}")) fail("a repeat that is not closed");
        } else {
            return part;
        }
        const bool lazy = taken(U"?");
        const bool single = part.size() == 1 && part.least == 1 && part.most == 1;
        Part out;
        out.least = part.least * least;
        out.most = most == unbounded || part.most == unbounded ? unbounded : part.most * most;
        if (single) {
            out.steps = {step(Op::repeat, least, most), part.steps[0]};
            out.steps[0].flag = lazy;
            return out;
        }
        const auto add = [&] { out.steps.insert(out.steps.end(), part.steps.begin(), part.steps.end()); };
        const auto choice = [&](std::int32_t go, std::int32_t leave) {
            out.steps.push_back(lazy ? step(Op::split, leave, go) : step(Op::split, go, leave));
        };
        for (std::int32_t i = 0; i < least; ++i) add();
        if (most == unbounded) {
            if (part.least == 0) fail("a repeat of what may be empty");
            choice(1, part.size() + 2);
            add();
            out.steps.push_back(step(Op::jump, -part.size() - 1));
            return out;
        }
        for (std::int32_t i = least; i < most; ++i) {
            choice(1, (most - i) * (part.size() + 1));
            add();
        }
        return out;
    }
};

}  // namespace

Program compiled(std::string_view written, bool ignore_case, bool dot_all) {
    return Compiler(written, ignore_case, dot_all).program();
}

}  // namespace kokoro_npu::reading
