#include "secrets/references.hpp"

#include "secrets/secret_file.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace behalf {
namespace {

constexpr std::size_t longest_secret = 64 * 1024;

std::string_view without_line_break(std::string_view text) {
  if (text.ends_with('\n'))
    text.remove_suffix(1);
  if (text.ends_with('\r'))
    text.remove_suffix(1);
  return text;
}

bool variable_name(std::string_view name) {
  return !name.empty()
         && std::none_of(name.begin(), name.end(), [](char c) { return c == '=' || c <= ' '; });
}

} // namespace

result<secret_reference> parse_reference(std::string_view text) {
  if (text.starts_with("file:") && text.size() > 5)
    return secret_reference{reference_kind::file, std::string(text.substr(5))};
  if (text.starts_with("env:") && variable_name(text.substr(4)))
    return secret_reference{reference_kind::env, std::string(text.substr(4))};
  return fail(errc::invalid_argument,
              "a secret is given as file:<path> or env:<NAME>, never as its value");
}

result<secret_ptr> reference_resolver::resolve(std::string_view text, readers allowed) {
  auto reference = parse_reference(text);
  if (!reference)
    return reference.error();
  return reference->kind == reference_kind::file ? from_file(reference->name, allowed)
                                                 : from_environment(reference->name);
}

result<secret_ptr> reference_resolver::from_file(const std::string& path, readers allowed) const {
  auto whole = std::filesystem::path(base_) / path; // an absolute path stays as it is
  auto content = read_secret_file(whole.string(), longest_secret, allowed);
  if (!content) {
    auto e = content.error();
    e.message = "file:" + path + ": " + e.message;
    return e;
  }
  auto value = without_line_break(content->view());
  if (value.empty())
    return fail(errc::invalid_argument, "file:" + path + ": is empty");
  return std::make_shared<const secret>(value);
}

result<secret_ptr> reference_resolver::from_environment(const std::string& name) {
  if (auto known = taken_.find(name); known != taken_.end())
    return known->second;
  char* value = std::getenv(name.c_str());
  if (!value)
    return fail(errc::not_found, "env:" + name + ": the variable is not set");
  auto taken = std::make_shared<const secret>(without_line_break(value));
  wipe(value, std::strlen(value));
  unsetenv(name.c_str());
  if (taken->empty())
    return fail(errc::invalid_argument, "env:" + name + ": is empty");
  taken_.emplace(name, taken);
  return secret_ptr{std::move(taken)};
}

} // namespace behalf
