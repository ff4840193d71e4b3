#include "runtime/http/router.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <stdexcept>

namespace behalf {
namespace {

constexpr std::size_t none = std::numeric_limits<std::size_t>::max();
constexpr std::size_t verb_count = static_cast<std::size_t>(verb::other) + 1;

std::size_t slot(verb v) {
  return static_cast<std::size_t>(v);
}

} // namespace

std::string_view path_params::operator[](std::string_view name) const {
  for (const auto& [key, value] : pairs_)
    if (key == name)
      return value;
  return {};
}

struct route_table::node {
  std::map<std::string, std::unique_ptr<node>, std::less<>> literals;
  std::unique_ptr<node> parameter;
  std::array<std::size_t, verb_count> routes;

  node() { routes.fill(none); }

  bool is_route() const {
    return std::any_of(routes.begin(), routes.end(), [](std::size_t i) { return i != none; });
  }

  std::size_t route_for(verb method) const {
    const auto index = routes[slot(method)];
    return index == none && method == verb::head ? routes[slot(verb::get)] : index;
  }

  std::string allow() const {
    std::string names;
    for (std::size_t i = 0; i < verb_count; ++i)
      if (routes[i] != none || (i == slot(verb::head) && routes[slot(verb::get)] != none))
        names.append(names.empty() ? "" : ", ").append(to_string(static_cast<verb>(i)));
    return names;
  }

  // The node for the segments from `at` on, literals first; `values` collects parameters.
  const node* walk(const std::vector<std::string>& path, std::size_t at, std::size_t end,
                   std::vector<std::string_view>& values) const {
    if (at == end)
      return is_route() ? this : nullptr;
    if (auto next = literals.find(path[at]); next != literals.end())
      if (const auto* found = next->second->walk(path, at + 1, end, values))
        return found;
    if (!parameter || path[at].empty())
      return nullptr;
    values.push_back(path[at]);
    if (const auto* found = parameter->walk(path, at + 1, end, values))
      return found;
    values.pop_back();
    return nullptr;
  }
};

route_table::route_table() : root_(std::make_unique<node>()) {}
route_table::route_table(route_table&&) noexcept = default;
route_table& route_table::operator=(route_table&&) noexcept = default;
route_table::~route_table() = default;

std::size_t route_table::add(verb method, std::string_view pattern) {
  const auto malformed = [&](const char* why) {
    return std::logic_error(std::string{why}.append(": ").append(pattern));
  };
  if (!pattern.starts_with('/') || (pattern.size() > 1 && pattern.ends_with('/')))
    throw malformed("a route begins with a slash and does not end with one");
  std::vector<std::string> names;
  node* at = root_.get();
  for (auto rest = pattern.substr(1); !rest.empty();) {
    const auto end = rest.find('/');
    const auto segment = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    if (segment.empty())
      throw malformed("a route has an empty segment");
    const bool parameter = segment.starts_with('{') && segment.ends_with('}');
    if (parameter)
      names.emplace_back(segment.substr(1, segment.size() - 2));
    auto& child = parameter ? at->parameter : at->literals[std::string{segment}];
    if (!child)
      child = std::make_unique<node>();
    at = child.get();
  }
  auto& route = at->routes[slot(method)];
  if (route != none)
    throw malformed("two routes for one method and path");
  route = names_.size();
  names_.push_back(std::move(names));
  return route;
}

route_match route_table::find(verb method, const std::vector<std::string>& path) const {
  route_match match;
  std::vector<std::string_view> values;
  const auto* found = root_->walk(path, 0, path.size(), values);
  if (!found) {
    const bool slash = !path.empty() && path.back().empty();
    if (slash && root_->walk(path, 0, path.size() - 1, values))
      match.is = route_match::outcome::redirect;
    return match;
  }
  match.index = found->route_for(method);
  if (match.index == none) {
    match.is = route_match::outcome::bad_method;
    match.allow = found->allow();
    return match;
  }
  match.is = route_match::outcome::found;
  const auto& names = names_[match.index];
  for (std::size_t i = 0; i < names.size(); ++i)
    match.params.add(names[i], values[i]);
  return match;
}

std::string slashless_location(const http_request& req, std::string_view public_url) {
  const auto target = without_authority(req.target);
  const auto mark = target.find('?');
  auto path = target.substr(0, mark);
  while (path.ends_with('/'))
    path.remove_suffix(1);
  auto location = base_url(req, public_url);
  // Without a host in front, "//evil.example" would name one.
  while (path.starts_with("//"))
    path.remove_prefix(1);
  location.append(path.empty() ? "/" : path);
  if (mark != std::string_view::npos)
    location.append(target.substr(mark));
  return location;
}

} // namespace behalf
