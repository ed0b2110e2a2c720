// Runs a compiled pattern: the first way that fits, as Python finds it. What may be tried later lies on a stack of its
// own, so that no text is too long for the thread's.
#include "pattern.hpp"

#include <algorithm>

#include "unicode_kinds.hpp"

namespace kokoro_npu::reading {
namespace {

using Op = Step::Op;

class Run {
public:
    Run(const Program& program, View text, bool to_end)
        : program_(program), text_(text), to_end_(to_end), places(static_cast<std::size_t>(2 * program.groups + 2), -1) {}

    // Whether the steps from `pc` on fit at `at`; `end` is then behind them.
    bool fits(std::size_t pc, std::size_t at, bool whole, bool not_empty) {
        const std::size_t base = later_.size(), began = at;
        for (;;) {
            if (step(pc, at)) {
                if (program_.steps[pc].op != Op::accept) continue;
                if ((!whole || !to_end_ || at == text_.size()) && !(not_empty && at == began)) {
                    end = at;
                    if (whole) later_.resize(base);
                    else keep_undos(base);
                    return true;
                }
            }
            if (!resume(base, pc, at)) return false;
        }
    }

private:
    struct Later {
        enum class Kind : std::uint8_t { branch, undo, fewer, one_more } kind;
        std::size_t pc = 0, at = 0;
        std::ptrdiff_t value = 0;  // undo: the old place; fewer: the least place; one_more: how many may follow
    };

    const Program& program_;
    View text_;
    bool to_end_;
    std::vector<Later> later_;

public:
    std::vector<std::ptrdiff_t> places;
    std::size_t end = 0;

private:
    bool takes(const Step& now, std::size_t at) const {
        if (at >= text_.size()) return false;
        const char32_t c = text_[at];
        switch (now.op) {
            case Op::letter: return c == now.letter;
            case Op::folded: return folded(c) == now.letter;
            case Op::set: return program_.sets[static_cast<std::size_t>(now.a)].has(c);
            default: return now.flag || c != U'\n';
        }
    }

    bool word_bound(std::size_t at) const {
        const bool before = at > 0 && is_word(text_[at - 1]), after = at < text_.size() && is_word(text_[at]);
        return before != after;
    }

    // One step; on success, `pc` and `at` are the next ones. `accept` stays.
    bool step(std::size_t& pc, std::size_t& at) {
        const Step& now = program_.steps[pc];
        const auto target = [&](std::int32_t by) { return pc + static_cast<std::size_t>(by); };
        switch (now.op) {
            case Op::accept: return true;
            case Op::jump: pc = target(now.a); return true;
            case Op::split:
                later_.push_back({Later::Kind::branch, target(now.b), at, 0});
                pc = target(now.a);
                return true;
            case Op::save: set(static_cast<std::size_t>(now.a), static_cast<std::ptrdiff_t>(at)); return ++pc, true;
            case Op::begin: return at == 0 && (++pc, true);
            case Op::end: return (at == text_.size() || (at + 1 == text_.size() && text_[at] == U'\n')) && (++pc, true);
            case Op::word_bound: return word_bound(at) && (++pc, true);
            case Op::no_word_bound: return !word_bound(at) && (++pc, true);
            case Op::look: return look(now, pc, at) && (pc = target(now.a + 1), true);
            case Op::again: return again(now, at) && (++pc, true);
            case Op::repeat: return repeat(now, pc, at);
            default: return takes(now, at) && (++pc, ++at, true);
        }
    }

    void set(std::size_t slot, std::ptrdiff_t place) {
        later_.push_back({Later::Kind::undo, slot, 0, places[slot]});
        places[slot] = place;
    }

    bool look(const Step& now, std::size_t pc, std::size_t at) {
        const std::size_t back = now.b < 0 ? 0 : static_cast<std::size_t>(now.b), base = later_.size();
        const bool found = back <= at && fits(pc + 1, at - back, false, false);
        if (found && now.flag) undo(base);
        return found != now.flag;
    }

    bool again(const Step& now, std::size_t& at) const {
        const auto slot = static_cast<std::size_t>(2 * now.a);
        if (places[slot] < 0 || places[slot + 1] < 0) return false;
        const View said = text_.substr(static_cast<std::size_t>(places[slot]),
                                       static_cast<std::size_t>(places[slot + 1] - places[slot]));
        if (text_.substr(at, said.size()) != said) return false;
        at += said.size();
        return true;
    }

    bool repeat(const Step& now, std::size_t& pc, std::size_t& at) {
        const Step& one = program_.steps[pc + 1];
        const auto least = static_cast<std::size_t>(now.a), most = static_cast<std::size_t>(now.b);
        const std::size_t began = at, wanted = now.flag ? least : most;
        while (at - began < wanted && takes(one, at)) ++at;
        if (at - began < least) return false;
        if (now.flag)
            later_.push_back({Later::Kind::one_more, pc, at, static_cast<std::ptrdiff_t>(most - least)});
        else if (at - began > least)
            later_.push_back({Later::Kind::fewer, pc, at, static_cast<std::ptrdiff_t>(began + least)});
        pc += 2;
        return true;
    }

    // The next thing to try that lies above `base`.
    bool resume(std::size_t base, std::size_t& pc, std::size_t& at) {
        while (later_.size() > base) {
            Later& last = later_.back();
            switch (last.kind) {
                case Later::Kind::undo:
                    places[last.pc] = last.value;
                    later_.pop_back();
                    continue;
                case Later::Kind::branch:
                    pc = last.pc;
                    at = last.at;
                    later_.pop_back();
                    return true;
                case Later::Kind::fewer:
                    pc = last.pc + 2;
                    at = --last.at;
                    if (static_cast<std::ptrdiff_t>(at) <= last.value) later_.pop_back();
                    return true;
                case Later::Kind::one_more:
                    if (last.value == 0 || !takes(program_.steps[last.pc + 1], last.at)) {
                        later_.pop_back();
                        continue;
                    }
                    pc = last.pc + 2;
                    at = ++last.at;
                    --last.value;
                    return true;
            }
        }
        return false;
    }

    void undo(std::size_t base) {
        for (; later_.size() > base; later_.pop_back())
            if (later_.back().kind == Later::Kind::undo) places[later_.back().pc] = later_.back().value;
    }

    // Behind a look, nothing of it is tried again, but its groups are given back where the rest fails.
    void keep_undos(std::size_t base) {
        const auto from = later_.begin() + static_cast<std::ptrdiff_t>(base);
        later_.erase(std::remove_if(from, later_.end(), [](const Later& one) { return one.kind != Later::Kind::undo; }),
                     later_.end());
    }
};

}  // namespace

bool CharacterSet::plain(char32_t c) const {
    for (const auto& [first, last] : ranges)
        if (c >= first && c <= last) return true;
    if ((kinds | not_kinds) == 0) return false;
    const std::uint8_t is = kinds_of(c);
    return (kinds & is) != 0 || (not_kinds & static_cast<std::uint8_t>(~is)) != 0;
}

bool CharacterSet::has(char32_t c) const {
    if (!folded) return plain(c) != negative;
    return (plain(c) || plain(reading::folded(c)) || plain(raised(c))) != negative;
}

View Match::operator[](int group) const {
    const auto slot = static_cast<std::size_t>(2 * group);
    if (places_[slot] < 0) return {};
    return string.substr(static_cast<std::size_t>(places_[slot]), static_cast<std::size_t>(places_[slot + 1] - places_[slot]));
}

int Match::number(std::string_view name) const {
    for (const auto& [known, number] : program_->names)
        if (known == name) return number;
    return 0;  // no rule names a group that its pattern lacks: the table's test calls every rule
}

std::optional<Match> Pattern::found(View text, std::size_t at, bool only_here, bool to_end, bool not_empty) const {
    Run run(program_, text, to_end);
    for (; at <= text.size(); ++at, not_empty = false) {
        const bool may = program_.any_first || (at < text.size() && (text[at] >= 128 || program_.first[text[at]]));
        if (may && run.fits(0, at, true, not_empty)) {
            Match m;
            m.string = text;
            m.program_ = &program_;
            m.places_ = std::move(run.places);
            m.places_[0] = static_cast<std::ptrdiff_t>(at);
            m.places_[1] = static_cast<std::ptrdiff_t>(run.end);
            return m;
        }
        if (only_here) break;
    }
    return std::nullopt;
}

std::optional<Match> Pattern::match(View text, std::size_t at) const { return found(text, at, true, false, false); }
std::optional<Match> Pattern::whole(View text) const { return found(text, 0, true, true, false); }
std::optional<Match> Pattern::search(View text, std::size_t from) const { return found(text, from, false, false, false); }

std::vector<Match> Pattern::all(View text) const {
    std::vector<Match> out;
    std::size_t at = 0;
    bool empty = false;  // a match at the end of an empty one is not empty again
    while (auto m = found(text, at, false, false, empty)) {
        at = m->end();
        empty = m->start() == m->end();
        out.push_back(std::move(*m));
    }
    return out;
}

}  // namespace kokoro_npu::reading
