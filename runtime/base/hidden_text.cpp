#include "runtime/base/hidden_text.hpp"

#include <algorithm>
#include <iterator>

namespace behalf {

char32_t code_point(std::string_view sequence) {
  constexpr unsigned lead_bits[]{0x7F, 0x1F, 0x0F, 0x07};
  char32_t c = static_cast<unsigned char>(sequence[0]) & lead_bits[sequence.size() - 1];
  for (auto each : sequence.substr(1))
    c = (c << 6) | (static_cast<unsigned char>(each) & 0x3FU);
  return c;
}

bool is_hidden(char32_t c) {
  struct range {
    char32_t first, last;
  };
  static constexpr range hidden[] = {{0x00, 0x08},     {0x0b, 0x1f},      {0x7f, 0x9f},
                                     {0xad, 0xad},     {0x61c, 0x61c},    {0x200b, 0x200f},
                                     {0x2028, 0x202e}, {0x2060, 0x206f},  {0xfeff, 0xfeff},
                                     {0xfff9, 0xfffb}, {0xe0000, 0xe0fff}};
  return std::any_of(std::begin(hidden), std::end(hidden),
                     [c](range r) { return c >= r.first && c <= r.last; });
}

} // namespace behalf
