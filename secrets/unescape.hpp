// What a text says once the escapes of ordinary encoders are read, and where each byte of that
// came from.
#pragma once

#include "behalf/wiped.hpp"

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace behalf {

/// A text made of another one.
class derived_text {
public:
  std::string_view view() const { return bytes_.view(); }

  /// The bytes of the other text, from first to past last, that byte `at` was made of.
  std::pair<std::size_t, std::size_t> origin(std::size_t at) const;

  void reserve(std::size_t size) { bytes_.reserve(size); }
  /// Bytes of the other text, as they are.
  void copy(std::string_view bytes) { bytes_.append(bytes); }
  /// `out` stands for `in_size` bytes from `in` on. `even`: byte by byte in proportion.
  void put(std::string_view out, std::size_t in, std::size_t in_size, bool even = false);

private:
  struct piece {
    std::size_t out, out_size, in, in_size;
    bool even;
  };
  wiped_string bytes_;
  std::vector<piece> pieces_; // between them, bytes follow each other as in the other text
};

/// Which bytes somebody looks for: escapes of others are left as they are.
using byte_set = std::array<bool, 256>;

/// One level of: JSON, JavaScript, Python and C (`\u002B`, `\u{2b}`, `\U0000002b`, `\x2b`, `\053`,
/// `\/`), percent (`%2B`) and HTML
/// (`&#43;`, `&#x2b;`, `&plus;`). False when the text has none of these bytes so.
bool read_escapes(std::string_view text, const byte_set& wanted, derived_text& out);

/// Quoted-printable: `=2B` and soft line breaks. False when the text has none.
bool read_quoted_printable(std::string_view text, const byte_set& wanted, derived_text& out);

/// What each line of an event's text begins with in an event stream.
inline constexpr std::string_view data_field = "data:";

/// The lines of an event stream's events without the name `data:` that each begins with but the
/// first: what a text was that had several lines. Unless this is the `last` text, a name that is
/// half there at its end is left out, too. False when there is no such line.
bool read_event_lines(std::string_view text, bool last, derived_text& out);

/// What the runs of base64 of at least `least` characters say (both alphabets, wrapped or not), a
/// byte 1 before each. `phase`: how many characters of a group came before the text, if it begins
/// inside a run. Unless this is the `last` text, a shorter run at its end counts too. False when
/// there is no such run.
bool read_base64(std::string_view text, std::size_t least, std::size_t phase, bool last,
                 derived_text& out);

/// The phase of a text that begins behind `before` when that had `phase` itself.
std::size_t base64_phase(std::string_view before, std::size_t phase);

/// Where an escape begins that is not whole yet at the end of the text; else the text's size.
std::size_t open_escape(std::string_view text);

} // namespace behalf
