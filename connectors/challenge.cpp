#include "connectors/challenge.hpp"

#include "runtime/base/text.hpp"

#include <algorithm>

namespace behalf {
namespace {

constexpr std::string_view separators = " \t,=\"";
constexpr std::size_t longest = 200;

// Takes a token or a quoted string off the front.
std::string take_value(std::string_view& text) {
  std::string value;
  if (!text.starts_with('"')) {
    const auto end = std::min(text.find_first_of(" \t,"), text.size());
    value = text.substr(0, end);
    text.remove_prefix(end);
    return value;
  }
  text.remove_prefix(1);
  while (!text.empty() && text.front() != '"') {
    if (text.front() == '\\' && text.size() > 1)
      text.remove_prefix(1);
    value += text.front();
    text.remove_prefix(1);
  }
  if (!text.empty())
    text.remove_prefix(1);
  return value;
}

void skip(std::string_view& text, std::string_view what) {
  text.remove_prefix(std::min(text.find_first_not_of(what), text.size()));
}

std::string printable(std::string value) {
  const bool text = is_utf8(value);
  std::erase_if(value,
                [&](unsigned char c) { return c < ' ' || c == 0x7f || (!text && c > 0x7f); });
  value.resize(cut_utf8(value, longest).size());
  return value;
}

void note(challenge& found, std::string_view name, std::string value) {
  const auto is = [&](std::string_view wanted) { return same_ignoring_case(name, wanted); };
  auto* place = is("error")               ? &found.error
                : is("error_description") ? &found.description
                : is("scope")             ? &found.scope
                                          : nullptr;
  if (place && place->empty())
    *place = printable(std::move(value));
}

void read_one(std::string_view text, challenge& found) {
  for (skip(text, " \t,"); !text.empty(); skip(text, " \t,")) {
    const auto name = text.substr(0, text.find_first_of(separators));
    text.remove_prefix(name.size());
    auto behind = text;
    skip(behind, " \t");
    if (behind.starts_with('=')) { // a parameter; otherwise a scheme
      behind.remove_prefix(1);
      skip(behind, " \t");
      text = behind;
      note(found, name, take_value(text));
    } else if (name.empty()) {
      text.remove_prefix(1); // a quote where none belongs
    }
  }
}

} // namespace

challenge read_challenge(const header_list& headers) {
  challenge found;
  for (const auto& [name, value] : headers)
    if (same_ignoring_case(name, "www-authenticate"))
      read_one(value, found);
  return found;
}

error needs_auth(const service_options& service, unsigned status, const header_list& headers) {
  const auto why = read_challenge(headers);
  std::string text =
    "service '" + service.name + "' "
    + (service.takes_credential() ? "refused the user's credential ("
                                  : "refused a call without a credential, as it is configured (")
    + std::to_string(status) + ")";
  if (!why.error.empty())
    text += ": " + why.error;
  if (!why.description.empty())
    text += ": " + why.description;
  if (!why.scope.empty())
    text += "; it asks for scope '" + why.scope + "'";
  return {errc::denied, std::move(text), {}, "needs_auth"};
}

} // namespace behalf
