#include "runtime/net/request_target.hpp"

#include "behalf/wiped.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/codec.hpp"

namespace behalf {
namespace {

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

// Where the authority of an absolute form begins; 0 in other forms.
std::size_t authority_begin(std::string_view target) {
  for (std::string_view scheme : {"http://", "https://"})
    if (same_ignoring_case(target.substr(0, scheme.size()), scheme))
      return scheme.size();
  return 0;
}

} // namespace

const std::string* query_params::find(std::string_view name) const {
  for (const auto& [key, value] : pairs_)
    if (key == name)
      return &value;
  return nullptr;
}

std::vector<std::string> query_params::all(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : pairs_)
    if (key == name)
      values.push_back(value);
  return values;
}

void query_params::wipe() noexcept {
  for (auto& [name, value] : pairs_)
    behalf::wipe(value.data(), value.size());
}

std::string_view without_authority(std::string_view target) {
  const auto begin = authority_begin(target);
  if (begin == 0)
    return target;
  const auto path = target.find_first_of("/?", begin);
  return path == std::string_view::npos ? std::string_view{"/"} : target.substr(path);
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
  if (const auto begin = authority_begin(target); begin > 0) {
    const auto end = target.find_first_of("/?#", begin);
    out.authority = target.substr(begin, end - begin);
    if (out.authority.empty())
      return fail(errc::bad_request, "The request target names no host");
  }
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
