// What every target stands on: the fuzzer's bytes as values, and a check that ends the process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fuzzer/FuzzedDataProvider.h>
#include <string>
#include <string_view>
#include <vector>

namespace behalf::fuzz {

/// What must hold for every input. The fuzzer keeps the input for which it does not.
inline void require(bool holds, const char* what) {
  if (holds)
    return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

inline std::string_view text_of(const uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// `text` cut where `in` says.
inline std::vector<std::string_view> pieces(FuzzedDataProvider& in, std::string_view text) {
  std::vector<std::string_view> all;
  while (!text.empty()) {
    auto size = in.ConsumeIntegralInRange<std::size_t>(1, text.size());
    all.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return all;
}

} // namespace behalf::fuzz
