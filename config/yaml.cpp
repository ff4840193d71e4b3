#include "config/yaml.hpp"

#include <algorithm>
#include <charconv>

namespace behalf {
namespace {

// Edit distance, to offer the key somebody probably meant.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      auto above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string joined(const std::vector<std::string>& all) {
  std::string text;
  for (const auto& one : all)
    text += (text.empty() ? "" : ", ") + one;
  return text;
}

template <class Number>
bool parse(std::string_view text, Number& out) {
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  return ec == std::errc{} && end == text.data() + text.size();
}

json::value scalar_to_json(const YAML::Node& node) {
  const auto& text = node.Scalar();
  if (node.Tag() == "!") // quoted: a string, whatever it looks like
    return json::value(text);
  if (text == "true" || text == "false")
    return text == "true";
  if (text.empty() || text == "null" || text == "~")
    return nullptr;
  int64_t n = 0;
  if (parse(text, n))
    return n;
  double d = 0;
  if (parse(text, d))
    return d;
  return json::value(text);
}

} // namespace

json::value yaml_to_json(const YAML::Node& node) {
  if (node.IsSequence()) {
    json::array list;
    for (const auto& one : node)
      list.push_back(yaml_to_json(one));
    return list;
  }
  if (node.IsMap()) {
    json::object object;
    for (const auto& entry : node)
      object[entry.first.Scalar()] = yaml_to_json(entry.second);
    return object;
  }
  return node.IsScalar() ? scalar_to_json(node) : json::value(nullptr);
}

yaml_section::yaml_section(YAML::Node node, std::string path, std::string file, problems& faults)
  : node_(std::move(node)), path_(std::move(path)), file_(std::move(file)), faults_(&faults) {
  if (node_.IsDefined() && !node_.IsNull() && !node_.IsMap()) {
    faults_->push_back({where(node_), path_, "must be a mapping of keys to values"});
    node_ = YAML::Node{};
  }
}

std::string yaml_section::where(const YAML::Node& node) const {
  auto mark = node.Mark();
  return mark.is_null() ? file_ : file_ + ":" + std::to_string(mark.line + 1);
}

std::string yaml_section::full(std::string_view key) const {
  if (key.empty())
    return path_;
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

YAML::Node yaml_section::take(std::string_view key) {
  asked_.emplace_back(key);
  if (!node_.IsMap())
    return YAML::Node{YAML::NodeType::Undefined};
  const auto& constant = node_;
  return constant[std::string(key)];
}

void yaml_section::fault(std::string_view key, std::string message) {
  const auto& constant = node_;
  auto at = key.empty() || !node_.IsMap() ? node_ : constant[std::string(key)];
  faults_->push_back({at.IsDefined() ? where(at) : where(node_), full(key), std::move(message)});
}

bool yaml_section::has(std::string_view key) {
  auto n = take(key);
  return n.IsDefined() && !n.IsNull();
}

char yaml_section::kind(std::string_view key) {
  auto n = take(key);
  if (!n.IsDefined() || n.IsNull())
    return 0;
  return n.IsMap() ? 'm' : n.IsSequence() ? 'l' : 's';
}

void yaml_section::require(std::string_view key) {
  if (!has(key))
    fault("", "lacks the key '" + std::string(key) + "'");
}

void yaml_section::text(std::string_view key, std::string& out) {
  if (!has(key))
    return;
  auto n = take(key);
  if (n.IsScalar())
    out = n.Scalar();
  else
    fault(key, "must be text");
}

void yaml_section::one_of(std::string_view key, std::string& out,
                          const std::vector<std::string>& choices) {
  auto given = out;
  text(key, given);
  if (given == out || std::find(choices.begin(), choices.end(), given) != choices.end())
    out = given;
  else
    fault(key, "'" + given + "' is none of: " + joined(choices));
}

void yaml_section::flag(std::string_view key, bool& out) {
  if (!has(key))
    return;
  auto n = take(key);
  if (n.IsScalar() && (n.Scalar() == "true" || n.Scalar() == "false"))
    out = n.Scalar() == "true";
  else
    fault(key, "must be true or false");
}

void yaml_section::integer(std::string_view key, int64_t& out, int64_t low, int64_t high) {
  if (!has(key))
    return;
  auto n = take(key);
  int64_t given = 0;
  if (!n.IsScalar() || !parse(n.Scalar(), given) || given < low || given > high)
    fault(key,
          "must be a whole number from " + std::to_string(low) + " to " + std::to_string(high));
  else
    out = given;
}

void yaml_section::decimal(std::string_view key, double& out, double low, double high) {
  if (!has(key))
    return;
  auto n = take(key);
  double given = 0;
  if (!n.IsScalar() || !parse(n.Scalar(), given) || given < low || given > high)
    fault(key, "must be a number from " + std::to_string(low) + " to " + std::to_string(high));
  else
    out = given;
}

void yaml_section::duration(std::string_view key, std::chrono::milliseconds& out) {
  if (!has(key))
    return;
  auto n = take(key);
  std::string_view given = n.IsScalar() ? std::string_view{n.Scalar()} : std::string_view{};
  auto unit_at = given.find_first_not_of("0123456789");
  auto unit = unit_at == given.npos ? "s" : given.substr(unit_at);
  int64_t count = 0;
  int64_t scale = unit == "ms"  ? 1
                  : unit == "s" ? 1000
                  : unit == "m" ? 60'000
                  : unit == "h" ? 3'600'000
                  : unit == "d" ? 86'400'000
                                : 0;
  if (!parse(given.substr(0, unit_at), count) || scale == 0 || count > 1'000'000'000)
    fault(key, "must be a duration such as 250ms, 30s, 15m or 2h");
  else
    out = std::chrono::milliseconds{count * scale};
}

void yaml_section::texts(std::string_view key, std::vector<std::string>& out) {
  if (!has(key))
    return;
  auto n = take(key);
  if (n.IsScalar()) {
    out = {n.Scalar()};
    return;
  }
  std::vector<std::string> given;
  for (const auto& one : n)
    if (one.IsScalar())
      given.push_back(one.Scalar());
  if (n.IsSequence() && given.size() == n.size())
    out = std::move(given);
  else
    fault(key, "must be a list of texts");
}

std::optional<json::value> yaml_section::any(std::string_view key) {
  auto n = take(key);
  if (!n.IsDefined())
    return std::nullopt;
  return yaml_to_json(n);
}

std::optional<yaml_section> yaml_section::section(std::string_view key) {
  if (!has(key))
    return std::nullopt;
  return yaml_section{take(key), full(key), file_, *faults_};
}

std::vector<yaml_section> yaml_section::sections(std::string_view key) {
  std::vector<yaml_section> all;
  if (!has(key))
    return all;
  auto n = take(key);
  if (!n.IsSequence()) {
    fault(key, "must be a list");
    return all;
  }
  for (std::size_t i = 0; i < n.size(); ++i)
    all.emplace_back(n[i], full(key) + "[" + std::to_string(i) + "]", file_, *faults_);
  return all;
}

std::vector<std::string> yaml_section::keys() {
  std::vector<std::string> names;
  if (node_.IsMap())
    for (const auto& entry : node_)
      names.push_back(entry.first.Scalar());
  asked_.insert(asked_.end(), names.begin(), names.end());
  return names;
}

void yaml_section::finish() {
  if (!node_.IsMap())
    return;
  std::sort(asked_.begin(), asked_.end());
  asked_.erase(std::unique(asked_.begin(), asked_.end()), asked_.end());
  for (const auto& entry : node_) {
    const auto& name = entry.first.Scalar();
    if (std::binary_search(asked_.begin(), asked_.end(), name))
      continue;
    auto nearest = std::min_element(asked_.begin(), asked_.end(), [&](auto& a, auto& b) {
      return distance(a, name) < distance(b, name);
    });
    std::string hint = nearest != asked_.end() && distance(*nearest, name) <= 2
                         ? "unknown key; did you mean '" + *nearest + "'?"
                         : "unknown key; known here: " + joined(asked_);
    faults_->push_back({where(entry.first), full(name), hint});
  }
}

} // namespace behalf
