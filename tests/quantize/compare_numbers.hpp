// Random numbers that are the same everywhere, and distances in dB, for compare_paths.cpp.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace {

double decibels(double signal, double error) { return error == 0 ? 200 : 10 * std::log10(signal / error); }

unsigned state = 1;
float random_number(float low, float high) {
  state = state * 1664525u + 1013904223u;
  return low + (high - low) * static_cast<float>(state >> 8) / 16777216.0f;
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double signal = 1e-9, error = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double off = static_cast<double>(a[i]) - b[i];
    signal += static_cast<double>(a[i]) * a[i];
    error += off * off;
  }
  return decibels(signal, error);
}

std::vector<float> numbers(std::int64_t count, float low, float high) {
  std::vector<float> row(static_cast<std::size_t>(count));
  for (float& number : row) number = random_number(low, high);
  return row;
}

}  // namespace
