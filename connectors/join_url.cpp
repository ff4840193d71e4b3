#include "connectors/join_url.hpp"

#include <algorithm>

namespace behalf {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool visible(char c) {
  return c > ' ' && c < '\x7f' && c != '#' && c != '\\';
}

constexpr std::size_t longest = 8192;
constexpr int rounds = 4;

// Escapes of escapes resolved too: what the most eager server might make of the path.
std::string resolve(std::string text) {
  bool again = true;
  for (int round = 0; again && round < rounds; ++round) {
    again = false;
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '%') {
        plain += text[i];
        continue;
      }
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        plain += '%'; // an escaped percent sign of an earlier round
        continue;
      }
      plain += static_cast<char>(high * 16 + low);
      again = true;
      i += 2;
    }
    text = std::move(plain);
  }
  return text;
}

bool escapes_are_whole(std::string_view text) {
  for (auto at = text.find('%'); at != text.npos; at = text.find('%', at + 1))
    if (at + 2 >= text.size() || hex_digit(text[at + 1]) < 0 || hex_digit(text[at + 2]) < 0)
      return false;
  return true;
}

// True when a segment means "here" or "above", or when a byte may end a line or a name.
bool climbs(std::string_view path) {
  if (std::any_of(path.begin(), path.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }))
    return true;
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find_first_of("/\\", begin), path.size());
    // Some servers cut parameters off a segment before they look at it: "..;x".
    const auto segment = path.substr(begin, end - begin);
    const auto name = segment.substr(0, segment.find(';'));
    if (name == "." || name == "..")
      return true;
    begin = end + 1;
  }
  return false;
}

} // namespace

result<std::string> join_url(std::string_view base, std::string_view path) {
  if (path.size() > longest)
    return fail(errc::invalid_argument, "a path may have 8192 bytes");
  const auto query_at = std::min(path.find('?'), path.size());
  const auto own = path.substr(0, query_at);
  if (!std::all_of(path.begin(), path.end(), visible) || !escapes_are_whole(path))
    return fail(errc::invalid_argument,
                "a path may hold visible ASCII and whole %XX escapes, no '#' and no '\\'");
  if (own.starts_with("//") || own.substr(0, own.find('/')).find(':') != own.npos)
    return fail(errc::invalid_argument, "a path may not name a scheme or host");
  if (climbs(resolve(std::string{own})))
    return fail(errc::invalid_argument,
                "a path may not hold '.' or '..' segments or control bytes");
  if (own.empty())
    return std::string{base}.append(path);
  if (base.ends_with('/'))
    base.remove_suffix(1);
  std::string url{base};
  if (!own.starts_with('/'))
    url += '/';
  return url.append(path);
}

} // namespace behalf
