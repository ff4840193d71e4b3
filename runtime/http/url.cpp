#include "runtime/http/url.hpp"

#include "runtime/base/text.hpp"

namespace behalf {
namespace {

bool clean_utf8(std::string_view s) {
  return is_utf8(s) && s.find('\0') == s.npos;
}

bool unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'
         || c == '.' || c == '_' || c == '~';
}

result<std::vector<std::string>> parse_path(std::string_view path) {
  std::vector<std::string> segments;
  if (path == "/")
    return segments;
  while (!path.empty()) {
    path.remove_prefix(1); // the slash
    const auto end = path.find('/');
    auto segment = percent_decode(path.substr(0, end));
    if (!segment)
      return segment.error();
    segments.push_back(std::move(*segment));
    path = end == std::string_view::npos ? std::string_view{} : path.substr(end);
  }
  return segments;
}

// What follows the authority of an absolute form; the target itself for others.
std::string_view without_authority(std::string_view target) {
  const auto scheme_end = target.find("://");
  if (target.starts_with('/') || scheme_end == std::string_view::npos)
    return target;
  const auto path = target.find_first_of("/?", scheme_end + 3);
  return path == std::string_view::npos ? std::string_view{"/"} : target.substr(path);
}

} // namespace

result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0)
        return fail(errc::bad_request, "Invalid percent-encoding in the request target");
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  if (!clean_utf8(out))
    return fail(errc::bad_request, "The request target is not UTF-8 text");
  return out;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    if (unreserved(c)) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', digits[byte >> 4], digits[byte & 15]};
    }
  }
  return out;
}

result<query_params> parse_query(std::string_view text) {
  query_params::list pairs;
  while (!text.empty()) {
    const auto end = text.find('&');
    const auto pair = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (pair.empty())
      continue;
    const auto equals = pair.find('=');
    auto name = percent_decode(pair.substr(0, equals), true);
    if (!name)
      return name.error();
    auto value =
      percent_decode(equals == std::string_view::npos ? "" : pair.substr(equals + 1), true);
    if (!value)
      return value.error();
    pairs.emplace_back(std::move(*name), std::move(*value));
  }
  return query_params{std::move(pairs)};
}

result<request_target> parse_target(std::string_view target) {
  request_target out;
  if (target == "*")
    return out;
  auto rest = without_authority(target);
  rest = rest.substr(0, rest.find('#')); // clients must not send one; it is never ours to see
  const auto mark = rest.find('?');
  auto path = rest.substr(0, mark);
  if (path.empty() && !target.starts_with('?')) // "http://host?x=1"
    path = mark == 0 ? "/" : path;
  if (!path.starts_with('/'))
    return fail(errc::bad_request, "Invalid request target");
  auto segments = parse_path(path);
  if (!segments)
    return segments.error();
  out.path = std::move(*segments);
  if (mark != std::string_view::npos) {
    auto query = parse_query(rest.substr(mark + 1));
    if (!query)
      return query.error();
    out.query = std::move(*query);
  }
  return out;
}

} // namespace behalf
