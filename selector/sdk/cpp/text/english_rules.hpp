// The rules of English, one per file, as in export_onnx/text: text, and whether it is British, -> text. spoken_form.cpp
// has them in order.
#pragma once

#include "pattern.hpp"

namespace kokoro_npu::reading {

Text web_addresses(View text, bool british);
Text phone_numbers(View text, bool british);
Text number_marks(View text, bool british);
Text dates(View text, bool british);
Text clock_times(View text, bool british);
Text money(View text, bool british);
Text roman_numerals(View text, bool british);
Text abbreviations(View text, bool british);
Text units(View text, bool british);
Text initialisms(View text, bool british);
Text written_numbers(View text, bool british);
Text symbols(View text, bool british);

// Whether `rest`, the text behind a full stop, is a new sentence or nothing.
bool ends_sentence(View rest);

}  // namespace kokoro_npu::reading
