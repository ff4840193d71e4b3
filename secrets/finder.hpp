// Finds one credential in text, in the forms that ordinary encoders give it.
#pragma once

#include "behalf/wiped.hpp"
#include "runtime/base/guarded_memory.hpp"
#include "secrets/unescape.hpp"

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace behalf {

/// Shorter forms are not searched for: they occur in ordinary text. A credential below this length
/// is not scrubbed from replies.
inline constexpr std::size_t shortest_form = 4;

/// Three forms are searched for: the text itself (also as UTF-16), base64 at each of the three
/// positions it can have inside something longer, and hexadecimal; each also folded over lines,
/// hexadecimal also with separators. They are searched for in the text as it is, and in what it
/// says when its escapes, its quoted-printable and its base64 are read, three levels deep.
/// docs/security.md has the list.
///
/// Cost: a sample of the text's bytes is compared with pieces of the forms, so that most text is
/// never looked at; every level is linear. Building one costs microseconds. Thread-safe.
class credential_finder {
public:
  explicit credential_finder(std::string_view value);

  struct range {
    std::size_t first, end;
  };
  struct findings {
    std::vector<range> hits; // in order, none overlaps another
    std::size_t open;        // where something begins that more text may complete; else the size
  };

  /// `last`: no more text follows, so that nothing is open. `phase`: see read_base64.
  findings look(std::string_view text, bool last, std::size_t phase = 0) const;

  /// Nothing is found in texts that are shorter.
  std::size_t least() const { return least_; }

private:
  enum class form_kind : uint8_t { text, base64, hex };
  struct form {
    form_kind kind;
    bool loose; // long enough to be looked for across blanks and line ends
    wiped_string bytes;
  };
  struct piece {
    uint32_t bytes;
    uint32_t at; // the first byte of the form these bytes are of
    uint16_t form;
    uint16_t next; // of the same slot; 0: none
  };
  struct spelling;
  class search;

  void add(form_kind kind, std::string_view bytes);
  void want(std::string_view bytes);
  void add_spelling(std::size_t form, const spelling& as);
  void index();
  std::size_t begins(const form& f, std::string_view text) const;
  bool match(const form& f, std::string_view text, std::size_t at, std::size_t in,
             range& where) const;

  std::vector<form> forms_;
  std::vector<piece, guarded_allocator<piece>> pieces_; // the first is none
  std::array<uint64_t, 256> seen_{};
  std::array<uint16_t, 512> slots_{};
  byte_set wanted_{};
  std::size_t stride_ = 1, least_ = 0, least_run_ = 0;
};

} // namespace behalf
