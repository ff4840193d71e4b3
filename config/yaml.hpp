// A strict reader over yaml-cpp: every key must be asked for, every fault names file, line and key.
#pragma once

#include "config/json_schema_export.hpp"
#include "runtime/base/json.hpp"

#include <yaml-cpp/yaml.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace behalf {

/// One fault of a configuration, for people: `behalf.yaml:12: server.prot: unknown key …`.
struct config_problem {
  std::string where; // file:line, or the environment variable's name
  std::string key;   // dotted path
  std::string message;
  std::string text() const { return where + ": " + (key.empty() ? "" : key + ": ") + message; }
};

/// How many letters two names differ by: to offer the one somebody probably meant.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// A mapping of the file. Take fields out by name; what is left over when `finish` is called is
/// an unknown key. Faults are collected, not thrown, so that one run shows all of them. With a
/// `schema_node` it is a dry run: whatever is asked for is noted there.
class yaml_section {
public:
  using problems = std::vector<config_problem>;

  yaml_section(YAML::Node node, std::string path, std::string file, problems& faults,
               schema_node* dry = nullptr, unsigned variant = 0);

  bool has(std::string_view key);
  void text(std::string_view key, std::string& out);
  void one_of(std::string_view key, std::string& out, const std::vector<std::string>& choices);
  void flag(std::string_view key, bool& out);
  void integer(std::string_view key, int64_t& out, int64_t low, int64_t high);
  template <class Int>
  void number(std::string_view key, Int& out, int64_t low, int64_t high) {
    auto n = static_cast<int64_t>(out);
    integer(key, n, low, high);
    out = static_cast<Int>(n);
  }
  void decimal(std::string_view key, double& out, double high); // from 0

  /// `30s`, `250ms`, `15m`, `2h`, or a bare number of seconds; at most a year. No time at all is
  /// a fault unless `none` is.
  enum class no_time : uint8_t { is_a_fault, is_fine };
  void duration(std::string_view key, std::chrono::milliseconds& out,
                no_time none = no_time::is_a_fault);
  void texts(std::string_view key, std::vector<std::string>& out);

  /// `file:…` or `env:…`: a secret itself is refused, and not repeated.
  void reference(std::string_view key, std::string& out);

  /// A text, or `file:<path>` of one, in UTF-8 and of so many bytes at most; a relative path counts
  /// from the folder of the configuration file.
  void text_or_file(std::string_view key, std::string& out, std::size_t most_bytes);

  /// A mapping as JSON, names and values as they please.
  void object(std::string_view key, json::object& out);

  /// Any YAML as JSON: scalars become numbers and booleans where they look like them.
  std::optional<json::value> any(std::string_view key);

  /// Kind of the value: 's'calar, 'm'apping, 'l'ist, or 0 when absent.
  char kind(std::string_view key);
  /// `short_form`: a text instead of the mapping is this key of it, alone.
  std::optional<yaml_section> section(std::string_view key, std::string_view short_form = {});
  /// A list of mappings.
  std::vector<yaml_section> sections(std::string_view key, std::string_view short_form = {});
  std::vector<std::string> keys(); // names in file order, all taken

  void require(std::string_view key);
  /// A fault where a key stands that has another name now.
  void renamed(std::string_view before, std::string_view now);
  void fault(std::string_view key, std::string message);

  /// Reports every key nobody asked for, with the nearest known name.
  void finish();

  const std::string& path() const { return path_; }

private:
  YAML::Node take(std::string_view key);
  bool given(std::string_view key, json::object type);
  bool has_value(std::string_view key);
  yaml_section inside(YAML::Node node, std::string path, schema_node* dry,
                      std::string_view short_form);
  std::string where(const YAML::Node& node) const;
  std::string full(std::string_view key) const;

  YAML::Node node_;
  std::string path_, file_;
  problems* faults_;
  schema_node* dry_;
  unsigned variant_;
  std::string line_;    // where the mapping begins
  bool broken_ = false; // not a mapping, and said so
  std::vector<std::string> asked_;
};

json::value yaml_to_json(const YAML::Node& node);

} // namespace behalf
