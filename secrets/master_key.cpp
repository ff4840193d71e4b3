#include "secrets/master_key.hpp"

#include "runtime/base/envelope.hpp"
#include "runtime/net/codec.hpp"
#include "secrets/references.hpp"
#include "secrets/secret_file.hpp"

#include <algorithm>
#include <filesystem>

namespace behalf {
namespace {

constexpr std::size_t longest_file = 256;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  auto first = text.find_first_not_of(blanks);
  if (first == text.npos)
    return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

} // namespace

result<secret> parse_master_key(std::string_view bytes, std::string_view from) {
  if (bytes.size() == envelope_key_bytes)
    return secret{bytes};
  auto text = trimmed(bytes);
  if (text.size() == 2 * envelope_key_bytes) {
    if (wiped_string key; append_from_hex(key, text))
      return secret{std::move(key)};
  }
  if (text.size() == 44 && text.back() == '=')
    text.remove_suffix(1);
  if (text.size() == 43) {
    if (wiped_string key; append_from_base64(key, text))
      return secret{std::move(key)};
  }
  return fail(errc::invalid_argument,
              std::string(from) + ": not a master key: wanted 32 bytes, raw or in hex or base64");
}

result<secret> read_master_key(const std::string& path) {
  auto content = read_secret_file(path, longest_file, readers::owner_only);
  if (!content)
    return content.error();
  return parse_master_key(content->view(), path);
}

result<secret> resolve_master_key(std::string_view reference, reference_resolver& references) {
  auto bytes = references.resolve(reference, readers::owner_only);
  return bytes ? parse_master_key((*bytes)->expose(), reference) : bytes.error();
}

result<secret> create_master_key(const std::string& path) {
  auto key = make_key();
  wiped_string text;
  append_base64(text, key.expose());
  text.push_back('\n');
  if (auto made = create_secret_file(path, text.view()); !made)
    return made.error();
  return key;
}

result<secret> ensure_master_key(const std::string& path, const std::string& store) {
  auto key = read_master_key(path);
  if (key || key.error().code != errc::not_found)
    return key;
  std::error_code none;
  if (std::filesystem::file_size(store, none) > 0 && !none)
    return fail(errc::not_found,
                path + ": the master key is missing, and only it opens " + store
                  + ": put it back from a backup, or move that store away to begin "
                    "with an empty one");
  key = create_master_key(path);
  // Another process may have been faster.
  return key || key.error().code != errc::conflict ? std::move(key) : read_master_key(path);
}

} // namespace behalf
