#include "secrets/unescape.hpp"

#include "runtime/base/text.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

namespace behalf {
namespace {

struct decoded {
  std::size_t size = 0; // of the escape; 0: there is none
  char out[4];
  std::size_t out_size = 0;
};

decoded one(std::size_t size, char c) {
  return {size, {c}, 1};
}

decoded code_point(std::size_t size, uint32_t c) {
  auto low = [c](int shift) { return static_cast<char>(0x80 | (c >> shift & 0x3f)); };
  if (c < 0x80)
    return one(size, static_cast<char>(c));
  if (c < 0x800)
    return {size, {static_cast<char>(0xc0 | c >> 6), low(0)}, 2};
  if (c < 0x10000)
    return {size, {static_cast<char>(0xe0 | c >> 12), low(6), low(0)}, 3};
  return {size, {static_cast<char>(0xf0 | (c >> 18 & 7)), low(12), low(6), low(0)}, 4};
}

// `count` hexadecimal digits, or -1.
int64_t hex_at(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size())
    return -1;
  int64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    auto digit = hex_value(text[at + i]);
    if (digit < 0)
      return -1;
    value = value * 16 + digit;
  }
  return value;
}

constexpr std::size_t longest_in_braces = 8; // digits

// \u{73}
decoded braced(std::string_view text) {
  auto end = text.substr(0, 4 + longest_in_braces).find('}', 3); // no further: there may be many
  if (end == text.npos || end == 3)
    return {};
  auto value = hex_at(text, 3, end - 3);
  return value < 0 || value >= 0x110000 ? decoded{}
                                        : code_point(end + 1, static_cast<uint32_t>(value));
}

bool octal_digit(char c) {
  return c >= '0' && c <= '7';
}

decoded octal(std::string_view text) {
  uint32_t value = 0;
  std::size_t at = 1;
  for (; at < std::min<std::size_t>(text.size(), 4) && octal_digit(text[at]); ++at)
    value = value * 8 + static_cast<uint32_t>(text[at] - '0');
  return at == 1 || value > 0xff ? decoded{} : one(at, static_cast<char>(value));
}

decoded backslash(std::string_view text) {
  if (text.size() < 2)
    return {};
  if (octal_digit(text[1]))
    return octal(text);
  switch (text[1]) {
  case 'u': {
    if (text.substr(2).starts_with('{'))
      return braced(text);
    auto unit = hex_at(text, 2, 4);
    if (unit < 0)
      return {};
    if (unit >= 0xd800 && unit < 0xdc00 && text.substr(6).starts_with("\\u"))
      if (auto low = hex_at(text, 8, 4); low >= 0xdc00 && low < 0xe000)
        return code_point(
          12, static_cast<uint32_t>(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)));
    return code_point(6, static_cast<uint32_t>(unit));
  }
  case 'U': {
    auto value = hex_at(text, 2, 8);
    return value < 0 || value >= 0x110000 ? decoded{}
                                          : code_point(10, static_cast<uint32_t>(value));
  }
  case 'x': {
    auto byte = hex_at(text, 2, 2);
    return byte < 0 ? decoded{} : one(4, static_cast<char>(byte));
  }
  case 'b':
    return one(2, '\b');
  case 'f':
    return one(2, '\f');
  case 'n':
    return one(2, '\n');
  case 'r':
    return one(2, '\r');
  case 't':
    return one(2, '\t');
  case '"':
  case '\'':
  case '\\':
  case '/':
    return one(2, text[1]);
  default:
    return {};
  }
}

decoded hex_byte(std::string_view text) {
  auto byte = hex_at(text, 1, 2);
  return byte < 0 ? decoded{} : one(3, static_cast<char>(byte));
}

struct entity {
  std::string_view name;
  char c;
};

// Those of HTML 5 that stand for ASCII.
constexpr entity entities[]{
  {"AMP", '&'},      {"DiacriticalGrave", '`'},
  {"GT", '>'},       {"Hat", '^'},
  {"LT", '<'},       {"NewLine", '\n'},
  {"QUOT", '"'},     {"Tab", '\t'},
  {"UnderBar", '_'}, {"VerticalLine", '|'},
  {"amp", '&'},      {"apos", '\''},
  {"ast", '*'},      {"bsol", '\\'},
  {"colon", ':'},    {"comma", ','},
  {"commat", '@'},   {"dollar", '$'},
  {"equals", '='},   {"excl", '!'},
  {"grave", '`'},    {"gt", '>'},
  {"lbrace", '{'},   {"lbrack", '['},
  {"lcub", '{'},     {"lowbar", '_'},
  {"lpar", '('},     {"lsqb", '['},
  {"lt", '<'},       {"midast", '*'},
  {"num", '#'},      {"percnt", '%'},
  {"period", '.'},   {"plus", '+'},
  {"quest", '?'},    {"quot", '"'},
  {"rbrace", '}'},   {"rbrack", ']'},
  {"rcub", '}'},     {"rpar", ')'},
  {"rsqb", ']'},     {"semi", ';'},
  {"sol", '/'},      {"verbar", '|'},
  {"vert", '|'},
};
constexpr std::size_t longest_name = 16;

bool letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Browsers read a number without its semicolon too.
decoded reference(std::string_view text) {
  if (text.size() < 3)
    return {};
  std::size_t at = 1;
  if (text[1] != '#') {
    while (at < text.size() && at <= longest_name && letter(text[at]))
      ++at;
    if (at == text.size() || text[at] != ';')
      return {};
    auto name = text.substr(1, at - 1);
    for (const auto& e : entities)
      if (e.name == name)
        return one(at + 1, e.c);
    return {};
  }
  const bool hex = text[2] == 'x' || text[2] == 'X';
  at = hex ? 3 : 2;
  const auto first = at;
  uint32_t value = 0;
  for (; at < text.size() && value < 0x110000; ++at) {
    auto digit = hex_value(text[at]);
    if (digit < 0 || (!hex && digit > 9))
      break;
    value = value * (hex ? 16 : 10) + static_cast<uint32_t>(digit);
  }
  if (at == first || value >= 0x110000)
    return {};
  if (at < text.size() && text[at] == ';')
    ++at;
  return code_point(at, value);
}

decoded escape(std::string_view text) {
  switch (text.front()) {
  case '\\':
    return backslash(text);
  case '%':
    return hex_byte(text);
  default:
    return reference(text);
  }
}

decoded quoted(std::string_view text) {
  if (auto byte = hex_byte(text); byte.size > 0)
    return byte;
  auto end = text.find_first_not_of(" \t", 1);
  if (end == text.npos || end > 8)
    return {};
  if (text[end] == '\r' && end + 1 < text.size())
    ++end;
  return text[end] == '\n' ? decoded{end + 1, {}, 0} : decoded{};
}

// The next of up to three characters: blocks without any are passed over at once.
std::size_t next_of(std::string_view text, std::size_t at, char a, char b, char c) {
  static_assert(std::endian::native == std::endian::little);
  using block = unsigned char __attribute__((vector_size(16)));
  const auto to = [](char x) { return static_cast<unsigned char>(x); };
  for (; at + sizeof(block) <= text.size(); at += sizeof(block)) {
    block bytes;
    std::memcpy(&bytes, text.data() + at, sizeof bytes);
    auto same = (bytes == to(a)) | (bytes == to(b)) | (bytes == to(c));
    uint64_t halves[2]; // of little-endian machines: the lowest byte is the first
    std::memcpy(halves, &same, sizeof same);
    if (halves[0] != 0)
      return at + static_cast<std::size_t>(std::countr_zero(halves[0])) / 8;
    if (halves[1] != 0)
      return at + 8 + static_cast<std::size_t>(std::countr_zero(halves[1])) / 8;
  }
  while (at < text.size() && text[at] != a && text[at] != b && text[at] != c)
    ++at;
  return at;
}

template <class Read>
bool derive(std::string_view text, char a, char b, char c, const byte_set& wanted, Read read,
            derived_text& out) {
  bool any = false;
  std::size_t copied = 0;
  for (auto at = next_of(text, 0, a, b, c); at < text.size(); at = next_of(text, at, a, b, c)) {
    auto e = read(text.substr(at));
    if (e.size == 0 || (e.out_size > 0 && !wanted[static_cast<unsigned char>(e.out[0])])) {
      at += std::max<std::size_t>(e.size, 1);
      continue;
    }
    if (!std::exchange(any, true))
      out.reserve(text.size());
    out.copy(text.substr(copied, at - copied));
    out.put({e.out, e.out_size}, at, e.size);
    at += e.size;
    copied = at;
  }
  if (any)
    out.copy(text.substr(copied));
  return any;
}

// --- event streams -------------------------------------------------------------------------------

// How many bytes of a line are the field's name, or what may become one.
std::size_t field_name(std::string_view line, bool last) {
  if (line.starts_with(data_field))
    return data_field.size() + (line.substr(data_field.size()).starts_with(' ') ? 1 : 0);
  return !last && data_field.starts_with(line) ? line.size() : 0;
}

// --- base64 --------------------------------------------------------------------------------------

constexpr int8_t outside = -1, line_end = -2;

constexpr std::array<int8_t, 256> make_values() {
  std::array<int8_t, 256> values{};
  for (auto& v : values)
    v = outside;
  for (int i = 0; i < 26; ++i) {
    values['A' + i] = static_cast<int8_t>(i);
    values['a' + i] = static_cast<int8_t>(26 + i);
  }
  for (int i = 0; i < 10; ++i)
    values['0' + i] = static_cast<int8_t>(52 + i);
  values['+'] = values['-'] = 62;
  values['/'] = values['_'] = 63;
  values['\r'] = values['\n'] = line_end;
  return values;
}

constexpr auto values = make_values();

int8_t value_at(std::string_view text, std::size_t at) {
  return values[static_cast<unsigned char>(text[at])];
}

// Decodes text[at, end), of which `phase` characters of the first group are missing. `by_line`: a
// line that would begin inside a group begins a text of its own. True when there is such a line.
bool decode_run(std::string_view text, std::size_t at, std::size_t end, std::size_t phase,
                bool by_line, derived_text& out) {
  char line[64];
  out.put("\1", at, 0);
  uint32_t bits = 0;
  std::size_t have = phase, in = at, made = 0;
  bool whole = phase == 0; // the first byte of a cut group is not known
  bool cut = false;
  for (; at < end; ++at) {
    auto v = value_at(text, at);
    const bool fresh = v < 0 && have > 0 && at + 1 < end && value_at(text, at + 1) >= 0;
    cut = cut || fresh;
    if (v >= 0) {
      bits = bits << 6 | static_cast<uint32_t>(v);
      if (have > 0 && whole)
        line[made++] = static_cast<char>(bits >> (6 - 2 * have));
      have = (have + 1) % 4;
      whole = whole || have == 0;
    }
    if (v < 0 || made + 1 == sizeof line || at + 1 == end) {
      if (made > 0)
        out.put({line, made}, in, at + 1 - in, true);
      in = at + 1;
      made = 0;
    }
    if (fresh && by_line) {
      out.put("\1", at + 1, 0);
      have = 0;
      whole = true;
    }
  }
  if (value_at(text, end - 1) == line_end) // for whoever asks how the text ends
    out.put("\n", end - 1, 1);
  wipe(line, sizeof line);
  return cut;
}

} // namespace

std::pair<std::size_t, std::size_t> derived_text::origin(std::size_t at) const {
  auto next = std::upper_bound(pieces_.begin(), pieces_.end(), at,
                               [](std::size_t x, const piece& p) { return x < p.out; });
  if (next == pieces_.begin())
    return {at, at + 1};
  const auto& p = *std::prev(next);
  auto past = at - p.out;
  if (past >= p.out_size) {
    auto in = p.in + p.in_size + past - p.out_size;
    return {in, in + 1};
  }
  if (!p.even)
    return {p.in, p.in + p.in_size};
  return {p.in + past * p.in_size / p.out_size,
          p.in + ((past + 1) * p.in_size + p.out_size - 1) / p.out_size};
}

void derived_text::put(std::string_view out, std::size_t in, std::size_t in_size, bool even) {
  pieces_.push_back({bytes_.size(), out.size(), in, in_size, even});
  bytes_.append(out);
}

bool read_escapes(std::string_view text, const byte_set& wanted, derived_text& out) {
  return derive(text, '\\', '%', '&', wanted, escape, out);
}

bool read_quoted_printable(std::string_view text, const byte_set& wanted, derived_text& out) {
  return derive(text, '=', '=', '=', wanted, quoted, out);
}

bool read_event_lines(std::string_view text, bool last, derived_text& out) {
  bool any = false;
  std::size_t copied = 0, line = 0;
  for (auto end = text.find('\n'); end != text.npos; end = text.find('\n', line)) {
    // Of the first line the beginning may be told already.
    const bool goes_on = line == 0 || text.substr(line).starts_with(data_field);
    line = end + 1;
    const auto name = goes_on ? field_name(text.substr(line), last) : 0;
    if (name == 0)
      continue;
    if (!std::exchange(any, true))
      out.reserve(text.size());
    out.copy(text.substr(copied, line - copied));
    out.put({}, line, name);
    copied = line + name;
  }
  if (any)
    out.copy(text.substr(copied));
  return any;
}

// Looks at every `least`th byte only, since a run that long covers one of them; and at the last.
bool read_base64(std::string_view text, std::size_t least, std::size_t phase, bool last,
                 derived_text& out) {
  bool any = false;
  std::size_t behind = 0; // the run looked at last
  auto look_at = [&](std::size_t at) {
    auto first = at;
    for (behind = at; behind < text.size() && value_at(text, behind) != outside;)
      ++behind;
    while (first > 0 && value_at(text, first - 1) != outside)
      --first;
    if (behind - first < least && (last || behind < text.size()))
      return;
    // A text wrapped anywhere, or texts of their own line by line.
    auto from = first == 0 ? phase : 0;
    if (decode_run(text, first, behind, from, false, out))
      decode_run(text, first, behind, from, true, out);
    any = true;
  };
  for (auto at = least - 1; at < text.size();) {
    if (value_at(text, at) == outside) {
      at += least;
    } else {
      look_at(at);
      at = behind + least - 1;
    }
  }
  if (!last && !text.empty() && behind < text.size() && value_at(text, text.size() - 1) != outside)
    look_at(text.size() - 1);
  return any;
}

std::size_t base64_phase(std::string_view before, std::size_t phase) {
  std::size_t count = 0;
  auto at = before.size();
  for (; at > 0 && value_at(before, at - 1) != outside; --at)
    count += value_at(before, at - 1) >= 0 ? 1 : 0;
  return (count + (at == 0 ? phase : 0)) % 4;
}

std::size_t open_escape(std::string_view text) {
  auto from = text.size() - std::min<std::size_t>(text.size(), longest_name + 1);
  for (auto at = from; at < text.size(); ++at) {
    auto rest = text.substr(at);
    auto all = [&](std::size_t skip, auto is) {
      return std::all_of(rest.begin() + static_cast<std::ptrdiff_t>(std::min(skip, rest.size())),
                         rest.end(), is);
    };
    auto digit = [](char c) { return hex_value(c) >= 0; };
    switch (rest.front()) {
    case '\\': {
      auto braces = rest.substr(1).starts_with("u{");
      if (rest.size() == 1 || (rest[1] == 'u' && rest.size() < 6 && all(2, digit))
          || (rest[1] == 'U' && rest.size() < 10 && all(2, digit))
          || (braces && rest.size() <= 3 + longest_in_braces && all(3, digit))
          || (rest[1] == 'x' && rest.size() < 4 && all(2, digit))
          || (rest.size() < 4 && all(1, octal_digit)))
        return at;
      break;
    }
    case '%':
      if (rest.size() < 3 && all(1, digit))
        return at;
      break;
    case '=':
      if (rest == "=\r" || (rest.size() < 3 && all(1, digit)))
        return at;
      break;
    case '&': {
      auto number = rest.size() > 1 && rest[1] == '#';
      auto hex = number && rest.size() > 2 && (rest[2] == 'x' || rest[2] == 'X');
      if (number ? rest.size() < 10 && all(hex ? 3 : 2, digit) : all(1, letter))
        return at;
      break;
    }
    default:
      break;
    }
  }
  return text.size();
}

} // namespace behalf
