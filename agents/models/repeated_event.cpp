#include "agents/models/repeated_event.hpp"

#include "runtime/base/text.hpp"

#include <array>

namespace behalf {
namespace {

constexpr std::array noises{std::string_view{"obfuscation"}, std::string_view{"p"}};
constexpr std::size_t longest_learned = 4096; // around the text

// Takes a JSON string and what closes it from the front of `rest`. Nothing: it has to be read by
// somebody who knows more of JSON.
std::optional<std::string> take_string(std::string_view& rest) {
  std::string text;
  bool plain = true; // ASCII
  for (std::size_t i = 0; i < rest.size(); ++i) {
    auto c = static_cast<unsigned char>(rest[i]);
    if (c == '"') {
      rest.remove_prefix(i + 1);
      return plain || is_utf8(text) ? std::optional{std::move(text)} : std::nullopt;
    }
    if (c < 0x20)
      return {};
    if (c == '\\') {
      constexpr std::string_view said = "\"\\/nrtbf", meant = "\"\\/\n\r\t\b\f";
      const auto which = ++i < rest.size() ? said.find(rest[i]) : said.npos;
      if (which == said.npos)
        return {};
      c = static_cast<unsigned char>(meant[which]);
    }
    plain = plain && c < 0x80;
    text.push_back(static_cast<char>(c));
  }
  return {};
}

// Where the value of the one member of this name begins, behind its quote; npos: there is none, or
// there are several.
std::size_t find_value(std::string_view data, std::string_view key) {
  const auto name = '"' + std::string(key) + "\":";
  auto at = data.find(name);
  if (at == data.npos || at == 0 || data.find(name, at + 1) != data.npos)
    return data.npos;
  const char before = data[at - 1]; // inside of a text there would be a backslash
  at += name.size();
  if (data.substr(at).starts_with(' '))
    ++at;
  return (before == '{' || before == ',' || before == ' ') && data.substr(at).starts_with('"')
           ? at + 1
           : data.npos;
}

} // namespace

void repeated_event::learn(std::string_view data, std::string_view key, std::string_view text) {
  before_.clear();
  const auto at = find_value(data, key);
  if (at == data.npos || data.size() > longest_learned + text.size())
    return;
  auto rest = data.substr(at);
  if (take_string(rest) != text)
    return;
  noise_ = false;
  between_ = rest;
  after_.clear();
  for (const auto name : noises) {
    const auto noise = find_value(rest, name);
    if (noise == rest.npos)
      continue;
    auto behind = rest.substr(noise);
    if (!take_string(behind))
      return;
    noise_ = true;
    between_ = rest.substr(0, noise);
    after_ = behind;
    break;
  }
  before_ = data.substr(0, at);
}

std::optional<std::string> repeated_event::text_of(std::string_view data) const {
  if (before_.empty() || !data.starts_with(before_))
    return {};
  data.remove_prefix(before_.size());
  auto text = take_string(data);
  if (!text || !data.starts_with(between_))
    return {};
  data.remove_prefix(between_.size());
  if (noise_ && !take_string(data))
    return {};
  return data == after_ ? std::move(text) : std::nullopt;
}

} // namespace behalf
