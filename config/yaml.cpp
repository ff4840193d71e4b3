#include "config/yaml.hpp"

#include "runtime/base/text.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>

namespace behalf {
namespace {

std::string joined(const std::vector<std::string>& all) {
  std::string text;
  for (const auto& one : all)
    text += (text.empty() ? "" : ", ") + one;
  return text;
}

std::string plain(double number) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, number, std::chars_format::fixed).ptr};
}

template <class Number>
bool parse(std::string_view text, Number& out) {
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  return ec == std::errc{} && end == text.data() + text.size();
}

} // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
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

yaml_section::yaml_section(YAML::Node node, std::string path, std::string file, problems& faults,
                           schema_node* dry, unsigned variant)
  : node_(std::move(node)), path_(std::move(path)), file_(std::move(file)), faults_(&faults),
    dry_(dry), variant_(variant), line_(where(node_)) {
  if (dry_) {
    dry_->mapping = true;
    ++dry_->visits;
  }
  broken_ = node_.IsDefined() && !node_.IsNull() && !node_.IsMap();
  if (broken_) {
    faults_->push_back({line_, path_, "must be a mapping of keys to values"});
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
  if (broken_)
    return;
  const auto& constant = node_;
  auto at = key.empty() || !node_.IsMap() ? node_ : constant[std::string(key)];
  if (at.IsDefined() && at.IsNull()) // what is not there is marked where the next thing begins
    for (const auto& entry : node_)
      if (entry.first.IsScalar() && entry.first.Scalar() == key)
        at.reset(entry.first);
  config_problem found{at.IsDefined() ? where(at) : line_, full(key), std::move(message)};
  // One sentence a key: what follows from the first only confuses.
  auto same = [&](const config_problem& p) {
    return key.empty() ? p.text() == found.text() : p.key == found.key;
  };
  if (std::none_of(faults_->begin(), faults_->end(), same))
    faults_->push_back(std::move(found));
}

bool yaml_section::has(std::string_view key) {
  auto n = take(key);
  return n.IsDefined() && !n.IsNull();
}

// Whether there is a value to read.
bool yaml_section::given(std::string_view key, json::object type) {
  if (dry_)
    dry_->keys[std::string(key)].own.insert(type.begin(), type.end());
  return has_value(key);
}

// A key without a value is no way to say "the default": what was commented out below it may have
// been the rules.
bool yaml_section::has_value(std::string_view key) {
  auto n = take(key);
  if (n.IsDefined() && n.IsNull())
    fault(key, "has no value");
  return n.IsDefined() && !n.IsNull();
}

char yaml_section::kind(std::string_view key) {
  auto n = take(key);
  if (!n.IsDefined() || n.IsNull())
    return 0;
  return n.IsMap() ? 'm' : n.IsSequence() ? 'l' : 's';
}

void yaml_section::require(std::string_view key) {
  if (dry_)
    ++dry_->required[std::string(key)];
  if (auto n = take(key); !n.IsDefined())
    fault("", "lacks the key '" + std::string(key) + "'");
  else if (n.IsNull())
    fault(key, "has no value");
}

void yaml_section::renamed(std::string_view before, std::string_view now) {
  const auto& constant = node_;
  if (!node_.IsMap() || !constant[std::string(before)])
    return;
  asked_.emplace_back(before);
  fault(before, "is called '" + std::string(now) + "' now");
}

void yaml_section::text(std::string_view key, std::string& out) {
  json::object type{{"type", json::array{"string", "number", "boolean"}}};
  if (!out.empty())
    type["default"] = out;
  if (!given(key, std::move(type)))
    return;
  auto n = take(key);
  if (n.IsScalar())
    out = n.Scalar();
  else
    fault(key, "must be text");
}

void yaml_section::reference(std::string_view key, std::string& out) {
  given(key, {{"type", "string"}, {"pattern", "^(file|env):"}});
  std::string text;
  this->text(key, text);
  if (auto n = take(key); text.empty() && n.IsDefined() && n.IsScalar())
    fault(key, "has no value");
  else if (text == "file:" || text == "env:")
    fault(key, "names nothing: file:<path> or env:<name> is needed");
  else if (text.empty() || text.starts_with("file:") || text.starts_with("env:"))
    out = std::move(text);
  else
    fault(key, "must be a reference, file:<path> or env:<name>, never the secret itself");
}

void yaml_section::text_or_file(std::string_view key, std::string& out, std::size_t most_bytes) {
  namespace fs = std::filesystem;
  constexpr std::string_view mark = "file:";
  text(key, out);
  if (out.starts_with(mark)) {
    const auto path = fs::path(file_).parent_path() / out.substr(mark.size());
    std::error_code ec;
    std::ifstream in;
    if (fs::is_regular_file(path, ec)) // a pipe might never end
      in.open(path, std::ios::binary);
    out.assign(most_bytes + 1, ' ');
    in.read(out.data(), static_cast<std::streamsize>(out.size()));
    if (!in.is_open() || in.bad())
      return fault(key, path.string() + " cannot be read");
    out.resize(static_cast<std::size_t>(in.gcount()));
    if (out.find_first_not_of(" \t\r\n") == std::string::npos)
      return fault(key, path.string() + " is empty");
  }
  if (out.size() > most_bytes)
    fault(key, "is longer than " + std::to_string(most_bytes) + " bytes");
  else if (!is_utf8(out))
    fault(key, "is not a text in UTF-8");
}

void yaml_section::one_of(std::string_view key, std::string& out,
                          const std::vector<std::string>& choices) {
  json::object type{{"enum", json::array(choices.begin(), choices.end())}};
  if (!out.empty())
    type["default"] = out;
  auto there = given(key, std::move(type));
  if (dry_)
    out = dry_choice(path_, choices, variant_);
  if (!there)
    return;
  auto n = take(key);
  auto word = n.IsScalar() ? n.Scalar() : std::string{};
  if (std::find(choices.begin(), choices.end(), word) != choices.end())
    out = word;
  else if (n.IsScalar())
    fault(key, "'" + word + "' is none of: " + joined(choices));
  else
    fault(key, "must be one of: " + joined(choices));
}

void yaml_section::flag(std::string_view key, bool& out) {
  if (!given(key, {{"type", "boolean"}, {"default", out}}))
    return;
  auto n = take(key);
  if (n.IsScalar() && (n.Scalar() == "true" || n.Scalar() == "false"))
    out = n.Scalar() == "true";
  else
    fault(key, "must be true or false");
}

void yaml_section::integer(std::string_view key, int64_t& out, int64_t low, int64_t high) {
  json::object type{{"type", "integer"}, {"minimum", low}, {"maximum", high}};
  if (out >= low)
    type["default"] = out;
  if (!given(key, std::move(type)))
    return;
  auto n = take(key);
  int64_t given = 0;
  if (!n.IsScalar() || !parse(n.Scalar(), given) || given < low || given > high)
    fault(key,
          "must be a whole number from " + std::to_string(low) + " to " + std::to_string(high));
  else
    out = given;
}

void yaml_section::decimal(std::string_view key, double& out, double high) {
  if (!given(key, {{"type", "number"}, {"minimum", 0}, {"maximum", high}, {"default", out}}))
    return;
  auto n = take(key);
  double given = 0;
  if (!n.IsScalar() || !parse(n.Scalar(), given) || !(given >= 0 && given <= high))
    fault(key, "must be a number from 0 to " + plain(high));
  else
    out = given;
}

void yaml_section::duration(std::string_view key, std::chrono::milliseconds& out, no_time none) {
  constexpr int64_t year = int64_t{365} * 86'400'000; // far below what a clock's nanoseconds hold
  auto whole = out.count() % 1000 == 0;
  auto standard = std::to_string(whole ? out.count() / 1000 : out.count()) + (whole ? "s" : "ms");
  if (!given(key, {{"type", json::array{"string", "integer"}},
                   {"pattern", "^[0-9]+(ms|s|m|h|d)?$"},
                   {"default", standard}}))
    return;
  auto n = take(key);
  std::string_view text = n.IsScalar() ? std::string_view{n.Scalar()} : std::string_view{};
  auto unit_at = text.find_first_not_of("0123456789");
  auto unit = unit_at == text.npos ? "s" : text.substr(unit_at);
  int64_t count = 0;
  int64_t scale = unit == "ms"  ? 1
                  : unit == "s" ? 1000
                  : unit == "m" ? 60'000
                  : unit == "h" ? 3'600'000
                  : unit == "d" ? 86'400'000
                                : 0;
  if (!parse(text.substr(0, unit_at), count) || scale == 0)
    fault(key, "must be a duration such as 250ms, 30s, 15m or 2h");
  else if (count > year / scale)
    fault(key, "must be at most 365d");
  else if (count == 0 && none == no_time::is_a_fault)
    fault(key, "must be longer than no time at all");
  else
    out = std::chrono::milliseconds{count * scale};
}

void yaml_section::texts(std::string_view key, std::vector<std::string>& out) {
  json::object type{{"type", json::array{"string", "array"}},
                    {"items", {{"type", json::array{"string", "number", "boolean"}}}}};
  if (!out.empty())
    type["default"] = json::array(out.begin(), out.end());
  if (!given(key, std::move(type)))
    return;
  auto n = take(key);
  if (n.IsScalar()) {
    out = {n.Scalar()};
    return;
  }
  std::vector<std::string> given;
  for (std::size_t i = 0; n.IsSequence() && i < n.size(); ++i)
    if (n[i].IsScalar())
      given.push_back(n[i].Scalar());
  if (n.IsSequence() && given.size() == n.size())
    out = std::move(given);
  else
    fault(key, "must be a text or a list of texts");
}

void yaml_section::object(std::string_view key, json::object& out) {
  if (!given(key, {{"type", "object"}}))
    return;
  auto n = take(key);
  if (n.IsMap())
    out = yaml_to_json(n).get_object();
  else
    fault(key, "must be a mapping of names to values");
}

std::optional<json::value> yaml_section::any(std::string_view key) {
  if (dry_)
    dry_->keys[std::string(key)];
  auto n = take(key);
  if (!n.IsDefined())
    return std::nullopt;
  return yaml_to_json(n);
}

yaml_section yaml_section::inside(YAML::Node node, std::string path, schema_node* dry,
                                  std::string_view short_form) {
  if (dry && !short_form.empty())
    dry->text = true;
  if (!node.IsScalar() || short_form.empty())
    return {std::move(node), std::move(path), file_, *faults_, dry, variant_};
  YAML::Node whole;
  whole[std::string(short_form)] = node;
  yaml_section made{std::move(whole), std::move(path), file_, *faults_, dry, variant_};
  made.line_ = where(node);
  return made;
}

std::optional<yaml_section> yaml_section::section(std::string_view key,
                                                  std::string_view short_form) {
  if (!has_value(key) && !dry_)
    return std::nullopt;
  return inside(take(key), full(key), dry_ ? &dry_->keys[std::string(key)] : nullptr, short_form);
}

std::vector<yaml_section> yaml_section::sections(std::string_view key,
                                                 std::string_view short_form) {
  std::vector<yaml_section> all;
  auto* dry = dry_ ? &dry_->keys[std::string(key)].keys["[]"] : nullptr;
  if (dry)
    all.push_back(inside(take(key), full(key), dry, short_form));
  if (!has_value(key))
    return all;
  auto n = take(key);
  if (!n.IsSequence()) {
    fault(key, "must be a list");
    return all;
  }
  for (std::size_t i = 0; i < n.size(); ++i)
    all.push_back(inside(n[i], full(key) + "[" + std::to_string(i) + "]", dry, short_form));
  return all;
}

std::vector<std::string> yaml_section::keys() {
  std::vector<std::string> names;
  if (dry_)
    names.emplace_back("*");
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
      return edit_distance(a, name) < edit_distance(b, name);
    });
    const auto off = nearest == asked_.end() ? name.size() : edit_distance(*nearest, name);
    std::string hint = off <= 2 && 2 * off <= name.size()
                         ? "unknown key; did you mean '" + *nearest + "'?"
                         : "unknown key; known here: " + joined(asked_);
    faults_->push_back({where(entry.first), full(name), hint});
  }
}

} // namespace behalf
