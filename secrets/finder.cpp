#include "secrets/finder.hpp"

#include "runtime/net/codec.hpp"

#include <algorithm>
#include <cstring>

namespace behalf {
namespace {

constexpr auto npos = std::string_view::npos;
constexpr std::size_t window = 21;      // how much of a form is indexed
constexpr std::size_t most_levels = 3;  // of escapes, quoted-printable and base64 in each other
constexpr std::size_t most_blanks = 16; // between two characters of a form
constexpr std::size_t loose_from = 12;  // characters
constexpr std::size_t sure_from = 8;    // of a line, to hold back what follows its end

bool blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool separator(char c) {
  return c == ':' || c == '-' || c == ',';
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

char standard(char c) {
  return c == '-' ? '+' : c == '_' ? '/' : c;
}

// The base64 characters that only `text` decides when `before` bytes (0 to 2) precede it in a
// group.
wiped_string base64_inside(std::string_view text, std::size_t before) {
  wiped_string shifted{std::string_view{"\0\0", before}};
  shifted.append(text);
  wiped_string all;
  append_base64(all, shifted.view());
  auto first = (before * 8 + 5) / 6;
  auto end = shifted.size() * 8 / 6;
  return end > first ? wiped_string{all.view().substr(first, end - first)} : wiped_string{};
}

// UTF-8 as UTF-16, high bytes first or last; empty when it is no UTF-8.
wiped_string wide(std::string_view text, bool high_first) {
  wiped_string out;
  auto unit = [&](uint32_t u) {
    char high = static_cast<char>(u >> 8), low = static_cast<char>(u);
    out.push_back(high_first ? high : low);
    out.push_back(high_first ? low : high);
  };
  for (std::size_t at = 0; at < text.size();) {
    auto lead = static_cast<unsigned char>(text[at++]);
    auto more = lead < 0x80 ? 0u : lead < 0xc2 ? 4u : lead < 0xe0 ? 1u : lead < 0xf0 ? 2u : 3u;
    if (more > 3 || at + more > text.size())
      return {};
    uint32_t c = more == 0 ? lead : lead & (0x3fu >> more);
    for (; more > 0; --more)
      c = c << 6 | (static_cast<unsigned char>(text[at++]) & 0x3f);
    if (c >= 0x10000) {
      unit(0xd800 + ((c - 0x10000) >> 10 & 0x3ff));
      unit(0xdc00 + (c & 0x3ff));
    } else {
      unit(c);
    }
  }
  return out;
}

bool ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
}

uint32_t load(const char* at) {
  uint32_t bytes;
  std::memcpy(&bytes, at, sizeof bytes);
  return bytes;
}

uint32_t slot(uint32_t bytes) {
  return bytes * 0x9E3779B1u >> 18; // of 16,384; 32 of these share a list
}

} // namespace

// The end of a form as one encoder writes it, and which byte of the form each is of.
struct credential_finder::spelling {
  char bytes[64]; // three for each of the window's at most
  uint32_t of[64];
  std::size_t size = 0;

  ~spelling() { wipe(bytes, sizeof bytes); }
  void put(char c, uint32_t at) {
    bytes[size] = c;
    of[size++] = at;
  }
};

// --- building -----------------------------------------------------------------------------------

credential_finder::credential_finder(std::string_view value) {
  if (value.size() < shortest_form)
    return;
  add(form_kind::text, value);
  if (!ascii(value)) // ASCII differs by its zeros only
    for (bool high_first : {false, true})
      add(form_kind::text, wide(value, high_first).view());
  derived_text read; // where the value itself looks like escapes, reading a text reads them too
  want(value);
  if (read_escapes(value, wanted_, read))
    add(form_kind::text, read.view());
  if (value.find(' ') != npos) { // as forms spell a blank
    wiped_string plus{value};
    std::replace(plus.data(), plus.data() + plus.size(), ' ', '+');
    add(form_kind::text, plus.view());
  }
  for (std::size_t before = 0; before < 3; ++before)
    add(form_kind::base64, base64_inside(value, before).view());
  wiped_string hex;
  append_hex(hex, value);
  add(form_kind::hex, hex.view());
  index();
}

void credential_finder::add(form_kind kind, std::string_view bytes) {
  form made{kind, true, wiped_string{bytes}};
  if (kind == form_kind::text) {
    auto* begin = made.bytes.data();
    auto* end =
      std::remove_if(begin, begin + bytes.size(), [](char c) { return blank(c) || c == '\0'; });
    if (static_cast<std::size_t>(end - begin) >= shortest_form) // else looked for as it is
      made.bytes.resize(static_cast<std::size_t>(end - begin));
  }
  if (made.bytes.size() < shortest_form)
    return;
  made.loose = made.bytes.size() >= loose_from;
  want(made.bytes.view());
  forms_.push_back(std::move(made));
}

// Whatever a form is made of, may be folded with, or is escaped by.
void credential_finder::want(std::string_view bytes) {
  using namespace std::string_view_literals;
  for (auto some : {bytes, "\0\r\n\t :-,_ABCDEF\\%&=#;uxU{}"sv})
    for (char c : some)
      wanted_[static_cast<unsigned char>(c)] = true;
}

// Of each form its last characters, as each encoder writes them: most credentials begin alike.
// A line end in the middle leaves one half whole, and each half has `stride_` pieces.
void credential_finder::index() {
  least_ = npos;
  for (const auto& f : forms_)
    least_ = std::min(least_, f.bytes.size());
  least_run_ = std::max<std::size_t>(least_ * 4 / 3, 16);
  auto half = (std::min(least_, window) + 1) / 2;
  stride_ = std::clamp<std::size_t>(half < 4 ? 1 : half - 3, 1, 8);
  pieces_.reserve(512);
  pieces_.push_back({});
  for (std::size_t i = 0; i < forms_.size(); ++i) {
    auto all = forms_[i].bytes.view();
    auto size = std::min(all.size(), window), first = all.size() - size;
    spelling written;
    auto spell = [&](auto write) {
      written.size = 0;
      for (auto at = first; at < all.size(); ++at)
        write(all[at], static_cast<uint32_t>(at));
      add_spelling(i, written);
    };
    auto put = [&](char c, uint32_t at) { written.put(c, at); };
    spell(put);
    switch (forms_[i].kind) {
    case form_kind::text:
      for (char between : {'\0', ' ', '\n'}) // UTF-16, and letters set apart
        if (between == '\0' || forms_[i].loose)
          spell([&](char c, uint32_t at) {
            put(c, at);
            put(between, at + 1);
          });
      break;
    case form_kind::base64:
      spell([&](char c, uint32_t at) { put(c == '+' ? '-' : c == '/' ? '_' : c, at); });
      break;
    case form_kind::hex:
      for (bool upper : {false, true}) {
        auto digit = [upper](char c) { return upper && c >= 'a' ? static_cast<char>(c - 32) : c; };
        spell([&](char c, uint32_t at) { put(digit(c), at); });
        for (char between : {':', '-', ' ', ','})
          spell([&](char c, uint32_t at) {
            put(digit(c), at);
            if (at % 2 == 1)
              put(between, at + 1);
          });
      }
      break;
    }
  }
}

void credential_finder::add_spelling(std::size_t form, const spelling& as) {
  for (std::size_t at = 0; at + 4 <= as.size; ++at) {
    auto bytes = load(as.bytes + at);
    auto here = slot(bytes);
    auto& first = slots_[here / 32];
    auto known = first;
    while (known != 0
           && (pieces_[known].bytes != bytes || pieces_[known].form != form
               || pieces_[known].at != as.of[at]))
      known = pieces_[known].next;
    if (known != 0)
      continue;
    seen_[here / 64] |= uint64_t{1} << here % 64;
    pieces_.push_back({bytes, as.of[at], static_cast<uint16_t>(form), first});
    first = static_cast<uint16_t>(pieces_.size() - 1);
  }
}

// --- one form at one place
// ------------------------------------------------------------------------

// How a text and a form are compared: what is equal, and what does not count.
struct comparing {
  bool base64, hex, loose;

  char folded(char c) const { return base64 ? standard(c) : hex ? lower(c) : c; }
  bool equal(char of_form, char of_text) const { return of_form == folded(of_text); }
  bool skipped(char c) const { return c == '\0' || (loose && (blank(c) || (hex && separator(c)))); }
  // Past what does not count; in an event stream each line begins with its field's name.
  std::size_t forward(std::string_view text, std::size_t at) const {
    for (auto end = std::min(text.size(), at + most_blanks); at < end && skipped(text[at]);) {
      ++at;
      if (text[at - 1] == '\n' && text.substr(at).starts_with(data_field))
        at += data_field.size();
    }
    return std::min(at, text.size());
  }
  static bool ends_with_field(std::string_view text) {
    return text.ends_with(data_field)
           && text.substr(0, text.size() - data_field.size()).ends_with('\n');
  }
  // The place behind the last byte before `at` that counts.
  std::size_t backward(std::string_view text, std::size_t at) const {
    for (auto least = at - std::min(at, most_blanks); at > least;) {
      if (skipped(text[at - 1]))
        --at;
      else if (loose && ends_with_field(text.substr(0, at)))
        at -= data_field.size();
      else
        break;
    }
    return at;
  }
};

// Whether the first `count` bytes of a form end at `at`, which then is where they begin.
static bool back(const comparing& by, std::string_view bytes, std::size_t count,
                 std::string_view text, std::size_t& at) {
  for (auto i = count; i > 0; --i) {
    if (at == 0 || !by.equal(bytes[i - 1], text[at - 1]))
      at = by.backward(text, at);
    if (at == 0 || !by.equal(bytes[i - 1], text[at - 1]))
      return false;
    --at;
  }
  return true;
}

bool credential_finder::match(const form& f, std::string_view text, std::size_t at, std::size_t in,
                              range& where) const {
  const comparing by{f.kind == form_kind::base64, f.kind == form_kind::hex, f.loose};
  auto bytes = f.bytes.view();
  auto next = at;
  for (auto i = in; i < bytes.size(); ++i) {
    if (next == text.size() || !by.equal(bytes[i], text[next]))
      next = by.forward(text, next);
    if (next == text.size() || !by.equal(bytes[i], text[next]))
      return false;
    where.end = ++next;
  }
  where.first = at;
  return back(by, bytes, in, text, where.first);
}

// Where a form begins that goes on to the end of the text; else the text's size.
std::size_t credential_finder::begins(const form& f, std::string_view text) const {
  const comparing by{f.kind == form_kind::base64, f.kind == form_kind::hex, f.loose};
  auto bytes = f.bytes.view();
  auto last = by.backward(text, text.size());
  if (last == 0)
    return text.size();
  auto best = text.size();
  auto c = by.folded(text[last - 1]);
  for (auto i = bytes.find(c); i < bytes.size() - 1; i = bytes.find(c, i + 1)) {
    if (last < text.size() && i + 1 < sure_from)
      continue;
    auto at = last - 1;
    if (back(by, bytes, i, text, at))
      best = std::min(best, at);
  }
  return best;
}

// --- looking ------------------------------------------------------------------------------------

// One look at a text and all that it says.
class credential_finder::search {
public:
  search(const credential_finder& of, bool last, findings& out) : of_(of), last_(last), out_(out) {}

  // `above`: what this text was derived from, and how.
  struct level {
    const level* above;
    const derived_text* how;
  };

  void look(std::string_view text, std::size_t phase, const level* at, std::size_t depth) {
    find(text, at);
    auto whole = last_ ? text.size() : open_escape(text);
    auto rest = text.substr(0, whole); // half an escape would be read as something else
    if (!last_) {
      auto open = whole;
      for (const auto& f : of_.forms_)
        open = std::min(open, of_.begins(f, rest));
      if (open < text.size())
        out_.open = std::min(out_.open, origin(open, at).first);
    }
    if (depth == 0)
      return;
    deeper(at, depth - 1, 0,
           [&](derived_text& out) { return read_escapes(rest, of_.wanted_, out); });
    deeper(at, depth - 1, 0,
           [&](derived_text& out) { return read_quoted_printable(rest, of_.wanted_, out); });
    deeper(at, depth - 1, 0,
           [&](derived_text& out) { return read_base64(rest, of_.least_run_, phase, last_, out); });
    if (!at) // events are around everything else
      deeper(at, depth, phase,
             [&](derived_text& out) { return read_event_lines(text, last_, out); });
  }

private:
  template <class Read>
  void deeper(const level* at, std::size_t depth, std::size_t phase, Read read) {
    derived_text derived;
    if (!read(derived))
      return;
    level below{at, &derived};
    look(derived.view(), phase, &below, depth);
  }

  void find(std::string_view text, const level* at) {
    for (std::size_t i = 0; i + 4 <= text.size(); i += of_.stride_) {
      auto bytes = load(text.data() + i);
      if ((of_.seen_[slot(bytes) / 64] >> slot(bytes) % 64 & 1) == 0)
        continue;
      for (auto n = of_.slots_[slot(bytes) / 32]; n != 0; n = of_.pieces_[n].next) {
        const auto& p = of_.pieces_[n];
        if (p.bytes != bytes)
          continue;
        range where{};
        if (!of_.match(of_.forms_[p.form], text, i, p.at, where))
          continue;
        out_.hits.push_back({origin(where.first, at).first, origin(where.end - 1, at).second});
        i = std::max(i, where.end - std::min(where.end, of_.stride_));
        break;
      }
    }
  }

  static std::pair<std::size_t, std::size_t> origin(std::size_t at, const level* of) {
    std::pair<std::size_t, std::size_t> place{at, at + 1};
    for (; of; of = of->above)
      place = {of->how->origin(place.first).first, of->how->origin(place.second - 1).second};
    return place;
  }

  const credential_finder& of_;
  const bool last_;
  findings& out_;
};

credential_finder::findings credential_finder::look(std::string_view text, bool last,
                                                    std::size_t phase) const {
  findings out{{}, text.size()};
  if (forms_.empty())
    return out;
  search{*this, last, out}.look(text, phase, nullptr, most_levels);
  auto& hits = out.hits;
  std::sort(hits.begin(), hits.end(), [](range a, range b) { return a.first < b.first; });
  std::size_t kept = 0;
  for (auto hit : hits) {
    hit.end = std::min(hit.end, text.size());
    if (kept > 0 && hit.first < hits[kept - 1].end)
      hits[kept - 1].end = std::max(hits[kept - 1].end, hit.end);
    else
      hits[kept++] = hit;
  }
  hits.resize(kept);
  return out;
}

} // namespace behalf
