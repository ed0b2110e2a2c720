// Which characters may begin a match of a pattern.
#include "pattern.hpp"
#include "unicode_kinds.hpp"

namespace kokoro_npu::reading {
namespace {

using Op = Step::Op;

bool may_be(const Program& program, const Step& step, char32_t c) {
    if (step.op == Op::letter) return c == step.letter;
    if (step.op == Op::folded) return folded(c) == step.letter;
    return step.op == Op::any || program.sets[static_cast<std::size_t>(step.a)].has(c);
}

void mark(Program& program, std::size_t at, std::vector<bool>& seen) {
    if (seen[at]) return;
    seen[at] = true;
    const Step now = program.steps[at];
    const auto next = [&](std::int32_t by) { mark(program, at + static_cast<std::size_t>(by), seen); };
    switch (now.op) {
        case Op::accept:
        case Op::again: program.any_first = true; break;
        case Op::jump: next(now.a); break;
        case Op::split: next(now.a), next(now.b); break;
        case Op::look: next(now.a + 1); break;
        case Op::repeat:
            next(1);
            if (now.a == 0) next(2);
            break;
        case Op::letter:
        case Op::folded:
        case Op::set:
        case Op::any:
            for (char32_t c = 0; c < 128; ++c) program.first[c] |= may_be(program, now, c);
            break;
        default: next(1);
    }
}

}  // namespace

void mark_first_characters(Program& program) {
    std::vector<bool> seen(program.steps.size());
    mark(program, 0, seen);
}

}  // namespace kokoro_npu::reading
